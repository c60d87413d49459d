process AFTERCAR_ASSESS {
    tag "$meta.id"
    label 'process_medium'

    conda "${moduleDir}/environment.yml"

    input:
    tuple val(meta), path(study, stageAs: 'study/*')

    output:
    tuple val(meta), path("${prefix}/report.html")    , emit: report
    tuple val(meta), path("${prefix}/report.json")    , emit: json
    tuple val(meta), path("${prefix}/tables")         , emit: tables
    tuple val(meta), path("${prefix}/samples")        , emit: samples, optional: true
    tuple val(meta), path("${prefix}/clonal")         , emit: clonal, optional: true
    tuple val(meta), path("${prefix}/provenance.json"), emit: provenance
    path "versions.yml"                               , emit: versions, topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    prefix = task.ext.prefix ?: "${meta.id}"
    """
    export NUMBA_CACHE_DIR="\$PWD/.numba"

    aftercar assess ${study} \\
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
    mkdir -p ${prefix}/tables
    touch ${prefix}/report.html ${prefix}/report.json ${prefix}/provenance.json

    cat <<-END_VERSIONS > versions.yml
    "${task.process}":
        aftercar: \$(aftercar --version)
    END_VERSIONS
    """
}
