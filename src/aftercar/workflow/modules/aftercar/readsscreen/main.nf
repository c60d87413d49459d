process AFTERCAR_READSSCREEN {
    tag "$meta.id"
    label 'process_low'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(reads, stageAs: 'reads/*')
    tuple val(meta2), path(vector, stageAs: 'vector/*')
    tuple val(meta3), path(fasta, stageAs: 'reference/*')

    output:
    tuple val(meta), path("${prefix}/screen.json")             , emit: json
    tuple val(meta), path("${prefix}/elements.tsv")            , emit: elements
    tuple val(meta), path("${prefix}/evidence.bam")            , emit: bam
    tuple val(meta), path("${prefix}/evidence.bam.bai")        , emit: bai
    tuple val(meta), path("${prefix}/aftercar_screen_mqc.json"), emit: multiqc
    path "versions.yml"                                        , emit: versions, topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    def vectors = vector instanceof List ? vector.collect { file -> "--vector ${file}" }.join(' ') : "--vector ${vector}"
    def host = fasta ? "--reference ${fasta}" : ''
    """
    export NUMBA_CACHE_DIR="\$PWD/.numba"

    aftercar reads screen ${reads} \\
        ${vectors} \\
        ${host} \\
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
    touch ${prefix}/screen.json ${prefix}/elements.tsv ${prefix}/evidence.bam ${prefix}/evidence.bam.bai
    touch ${prefix}/aftercar_screen_mqc.json

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        aftercar: \$(aftercar --version)
    END_VERSIONS
    """
}
