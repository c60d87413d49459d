process AFTERCAR_SAMPLETEST {
    tag "$meta.id"
    label 'process_low'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(reads, stageAs: 'reads/*')
    tuple val(meta2), path(vector, stageAs: 'vector/*')
    tuple val(meta3), path(fasta, stageAs: 'reference/*')
    tuple val(meta4), path(genes, stageAs: 'genes/*')
    tuple val(meta5), path(normal, stageAs: 'normal/*')

    output:
    tuple val(meta), path("${prefix}/verdict.json")            , emit: verdict
    tuple val(meta), path("${prefix}/sites.vcf")               , emit: vcf
    tuple val(meta), path("${prefix}/sites.bed")               , emit: bed
    tuple val(meta), path("${prefix}/sites.tsv")               , emit: tsv
    tuple val(meta), path("${prefix}/evidence.bam")            , emit: bam
    tuple val(meta), path("${prefix}/evidence.bam.bai")        , emit: bai
    tuple val(meta), path("${prefix}/junctions.svg")           , emit: picture
    tuple val(meta), path("${prefix}/aftercar_sample_mqc.json"), emit: multiqc
    path "versions.yml"                                        , emit: versions, topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    def host = fasta ? "--reference ${fasta}" : ''
    def model = genes ? "--genes ${genes}" : ''
    def purity = meta.purity ? "--purity ${meta.purity}" : ''
    def normals = normal ? [normal].flatten().collect { file -> "--normal ${file}" }.join(' ') : ''
    """
    export NUMBA_CACHE_DIR="\$PWD/.numba"

    aftercar sample test ${reads} \\
        --vector ${vector} \\
        ${host} \\
        ${model} \\
        ${purity} \\
        ${normals} \\
        --sample ${meta.id} \\
        --threads ${task.cpus} \\
        --out ${prefix} \\
        ${args}

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        aftercar: \$(aftercar --version)
    END_VERSIONS
    """

    stub:
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    mkdir ${prefix}
    touch ${prefix}/verdict.json ${prefix}/sites.vcf ${prefix}/sites.bed ${prefix}/sites.tsv ${prefix}/evidence.bam
    touch ${prefix}/evidence.bam.bai ${prefix}/junctions.svg ${prefix}/aftercar_sample_mqc.json

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        aftercar: \$(aftercar --version)
    END_VERSIONS
    """
}
