process AFTERCAR_BIOMARKERSCH {
    tag "$meta.id"
    label 'process_single'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(variants, stageAs: 'variants/*')
    tuple val(meta2), path(depths, stageAs: 'depths/*')
    tuple val(meta3), path(rules, stageAs: 'rules/*')

    output:
    tuple val(meta), path("${prefix}/variants.csv")        , emit: variants
    tuple val(meta), path("${prefix}/genes.csv")           , emit: genes
    tuple val(meta), path("${prefix}/samples.csv")         , emit: samples
    tuple val(meta), path("${prefix}/aftercar_ch_mqc.json"), emit: multiqc
    path "versions.yml"                                    , emit: versions, topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    def looked = depths ? "--depths ${depths}" : ''
    def set = rules ? "--rules ${rules}" : ''
    """
    aftercar biomarkers ch ${meta.id}=${variants} \\
        ${looked} \\
        ${set} \\
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
    touch ${prefix}/variants.csv ${prefix}/genes.csv ${prefix}/samples.csv ${prefix}/aftercar_ch_mqc.json

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        aftercar: \$(aftercar --version)
    END_VERSIONS
    """
}
