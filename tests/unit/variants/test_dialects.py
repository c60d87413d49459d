"""Each caller's spelling of counts and each annotator's spelling of genes, in small hand-made files."""
# ruff: noqa: E501

import gzip
import subprocess

import pytest

from aftercar.biomarkers.clonal import call_sample, judge
from aftercar.edges.variants import BadVariantFile, builtin_rules, open_vcf, read_maf

CSQ = '##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. Format: Allele|Consequence|SYMBOL|Feature|EXON|HGVSp|gnomADe_AF|PICK">'
ANN = "##INFO=<ID=ANN,Number=.,Type=String,Description=\"Functional annotations: 'Allele | Annotation | Annotation_Impact | Gene_Name | Gene_ID | Feature_Type | Feature_ID | Transcript_BioType | Rank | HGVS.c | HGVS.p | x'\">"
FUNC = '##INFO=<ID=FUNCOTATION,Number=A,Type=String,Description="Functional annotation from the Funcotator tool.  Funcotation fields are: Gencode_34_hugoSymbol|Gencode_34_variantClassification|Gencode_34_annotationTranscript|Gencode_34_transcriptExon|Gencode_34_proteinChange|gnomAD_exome_AF">'
ANNOVAR = "\n".join(
    f'##INFO=<ID={key},Number=.,Type=String,Description="{key} annotation provided by ANNOVAR">'
    for key in ("Func.refGene", "Gene.refGene", "ExonicFunc.refGene", "AAChange.refGene", "AF", "AF_popmax")
)
DNMT3A = "DNMT3A|ENST00000321117|23/23|ENSP00000324375.5:p.Arg882His"


def vcf(tmp_path, meta, samples, *rows, name="x.vcf"):
    path = tmp_path / name
    head = [
        "##fileformat=VCFv4.2",
        *meta,
        "\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]),
    ]
    path.write_text("\n".join([*head, *rows]) + "\n")
    return path


def row(
    ref="C", alt="T", info=".", form="GT:AD:AF:DP", cells=("0/1:470,30:0.06:500",), filters="PASS", pos=25234373, chrom="chr2"
):
    return "\t".join([chrom, str(pos), ".", ref, alt, ".", filters, info, form, *cells])


def one(path, **options):
    found = list(open_vcf(path, **options))
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize("order", [("T1", "N1"), ("N1", "T1")])
def test_mutect2_takes_the_tumour_by_name_whatever_the_order(tmp_path, order):
    cell = {"T1": "0|1:470,30:0.06:500:240,15:228,14:230,240,14,16", "N1": "0|0:300,0:0.003:300:150,0:150,0:150,150,0,0"}
    info = f"POPAF=6.00;CSQ=T|missense_variant|{DNMT3A}||1"
    path = vcf(
        tmp_path,
        [
            "##source=Mutect2",
            "##tumor_sample=T1",
            "##normal_sample=N1",
            CSQ,
            '##INFO=<ID=POPAF,Number=A,Type=Float,Description="x">',
        ],
        order,
        row(info=info, form="GT:AD:AF:DP:F1R2:F2R1:SB", cells=[cell[name] for name in order]),
    )
    v = one(path)
    assert (v.sample, v.depth, v.alt_reads, v.forward, v.reverse) == ("T1", 500, 30, 14, 16)
    assert (v.normal_depth, v.normal_alt_reads) == (300, 0)
    assert v.population == pytest.approx(1e-6)
    assert judge(v, builtin_rules()).verdict == "driver"


def test_vardict_counts_by_strand_and_pedigree(tmp_path):
    meta = ["##source=VarDict_v1.8.2", "##PEDIGREE=<Derived=blood,Original=skin>", ANN]
    ann = "ANN=T|stop_gained|HIGH|TET2|ENSG|transcript|NM_001127208.2|protein_coding|3/11|c.1648C>T|p.Arg550*|x;MSI=1;MSILEN=1"
    cells = ["0/1:800:40:760,40:0.05:380,380:18,22", "0/0:500:0:500,0:0:250,250:0,0"]
    v = one(vcf(tmp_path, meta, ["blood", "skin"], row(info=ann, form="GT:DP:VD:AD:AF:RD:ALD", cells=cells)))
    assert (v.sample, v.depth, v.alt_reads, v.forward, v.reverse, v.homopolymer) == ("blood", 800, 40, 18, 22, 0)
    assert v.annotations[0].protein == "R550*"
    assert v.population is None
    assert judge(v, builtin_rules()).verdict == "unconfirmed"  # nothing was looked up in a population


def test_strelka_snv_and_indel_use_tier_one(tmp_path):
    meta = ["##source=strelka", CSQ]
    snv = row(
        info=f"SOMATIC;CSQ=T|missense_variant|{DNMT3A}||1",
        form="DP:FDP:SDP:SUBDP:AU:CU:GU:TU",
        cells=["300:0:0:0:0,0:300,305:0,0:0,0", "505:5:0:0:0,0:470,480:0,0:30,33"],
    )
    indel = row(
        ref="TG",
        alt="T",
        info="SOMATIC;RU=G;RC=8;IC=7",
        form="DP:DP2:TAR:TIR:TOR",
        cells=["90:90:88,88:0,0:2,2", "100:100:80,82:15,17:5,4"],
    )
    first, second = open_vcf(vcf(tmp_path, meta, ["NORMAL", "TUMOR"], snv, indel))
    assert (first.sample, first.depth, first.alt_reads, first.normal_alt_reads) == ("TUMOR", 500, 30, 0)
    assert (second.depth, second.alt_reads, second.homopolymer) == (95, 15, 8)


def test_dragen_without_dp_sums_the_alleles(tmp_path):
    path = vcf(
        tmp_path,
        ["##source=DRAGEN_SNV"],
        ["s"],
        row(form="GT:SQ:AD:AF:F1R2:F2R1:SB:MB", cells=["0/1:20.1:180,20:0.1:90,10:90,10:90,90,9,11:9,9,9,9"]),
    )
    v = one(path)
    assert (v.depth, v.alt_reads, v.fraction, v.forward) == (200, 20, 0.1, 9)


@pytest.mark.parametrize(("cell", "depth", "alt", "fraction"), [
    ("0/1:.:.:.", None, None, None),
    ("0/1:.,.:0.04:250", 250, None, 0.04),
    ("0/1", None, None, None),
    ("./.:10,0:0:10", 10, 0, 0.0),
])  # fmt: skip
def test_missing_counts_stay_unknown(tmp_path, cell, depth, alt, fraction):
    v = one(vcf(tmp_path, [], ["s"], row(cells=[cell])))
    assert (v.depth, v.alt_reads, v.fraction) == (depth, alt, fraction)


def test_other_callers(tmp_path):
    freebayes = one(vcf(tmp_path, [], ["s"], row(form="GT:DP:RO:AO", cells=["0/1:100:90:10"])))
    varscan = one(vcf(tmp_path, [], ["s"], row(form="GT:DP:RD:AD:FREQ", cells=["0/1:100:90:10:10%"])))
    assert (freebayes.alt_reads, varscan.alt_reads, varscan.reported_fraction) == (10, 10, 0.1)


def test_multi_allelic_star_and_symbolic_alleles(tmp_path):
    info = "CSQ=T|missense_variant|DNMT3A|ENST00000321117|23/23|p.Arg882His||1,A|missense_variant|DNMT3A|ENST00000321117|23/23|p.Arg882Leu||1"
    rows = [
        row(alt="T,A", info=info, cells=["0/1/2:450,30,20:0.06,0.04:500"]),
        row(alt="*,T", cells=["1/2:10,5,6:0.2,0.3:21"]),
        row(alt="<DEL>", cells=["0/1:10,5:0.2:21"]),
        row(alt="<NON_REF>", cells=["0/0:10,0:0:10"]),
    ]
    reader = open_vcf(vcf(tmp_path, [CSQ], ["s"], *rows))
    first, second, third = list(reader)
    assert [(v.alt, v.alt_reads, v.annotations[0].protein) for v in (first, second)] == [("T", 30, "R882H"), ("A", 20, "R882L")]
    assert (third.alt, third.alt_reads) == ("T", 6)
    assert dict(reader.skipped) == {"star allele (deleted by a neighbour)": 1, "symbolic allele": 1, "no alternative allele": 1}


def test_vep_names_of_multi_allelic_indels(tmp_path):
    info = (
        "CSQ=-|frameshift_variant|TET2|ENST00000380013|3/11|p.Gly5ValfsTer9||1,TT|inframe_insertion|TET2|ENST00000380013|3/11|||1"
    )
    first, second = open_vcf(
        vcf(tmp_path, [CSQ], ["s"], row(ref="CA", alt="C,CTT", info=info, cells=["0/1:90,5,5:0.05,0.05:100"]))
    )
    assert first.annotations[0].kind == "frameshift"
    assert second.annotations[0].kind == "inframe"


def test_annovar_blocks_for_each_allele(tmp_path):
    block = "ANNOVAR_DATE=2020-06-07;Func.refGene=exonic;Gene.refGene=DNMT3A;ExonicFunc.refGene=nonsynonymous_SNV;AAChange.refGene=DNMT3A:NM_022552:exon23:c.G2645A:p.R882{};AF={};AF_popmax=.;ALLELE_END"
    info = ";".join([block.format("H", "0.0002"), block.format("L", ".")])
    first, second = open_vcf(vcf(tmp_path, [ANNOVAR], ["s"], row(alt="T,A", info=info, cells=["0/1:450,30,20:0.06,0.04:500"])))
    assert (first.annotations[0].protein, first.population) == ("R882H", 0.0002)
    assert (second.annotations[0].protein, second.annotations[0].exon, second.population) == ("R882L", 23, 0.0)


def test_funcotator_brackets_and_escapes(tmp_path):
    info = "FUNCOTATION=[DNMT3A|MISSENSE|ENST00000321117.5|23|p.R882H|_%20_],[DNMT3A|MISSENSE|ENST00000321117.5|23|p.R882L|0.01]"
    with pytest.raises(BadVariantFile, match="annotation cannot be read"):
        list(open_vcf(vcf(tmp_path, [FUNC], ["s"], row(alt="T,A", info=info, cells=["0/1:450,30,20:0.06,0.04:500"]))))
    first, second = open_vcf(
        vcf(tmp_path, [FUNC], ["s"], row(alt="T,A", info=info.replace("_%20_", ""), cells=["0/1:450,30,20:0.06,0.04:500"]))
    )
    assert (first.annotations[0].protein, first.population) == ("R882H", 0.0)
    assert (second.annotations[0].protein, second.population) == ("R882L", 0.01)


def test_funcotator_with_all_transcripts(tmp_path):
    info = "FUNCOTATION=[DNMT3A|MISSENSE|ENST1.5|23|p.R882H|]#[DNMT3A|MISSENSE|ENST2.1|19|p.R693H|0.3]"
    v = one(vcf(tmp_path, [FUNC], ["s"], row(info=info)))
    assert [(a.protein, a.preferred) for a in v.annotations] == [("R882H", True), ("R693H", False)]
    assert v.population == 0.3


@pytest.mark.parametrize(("broken", "line", "field"), [
    (row(pos="x"), 4, "POS"),
    (row(ref="C!"), 4, "REF"),
    (row(alt="T!"), 4, "ALT"),
    (row(cells=["0/1:470,x:0.06:500"]), 4, "AD of s"),
    (row(cells=["0/1:470:0.06:500"]), 4, "AD of s"),
    (row(cells=["0/1:470,30:1.4:500"]), 4, "AF of s"),
    (row(cells=["0/1:470,30:0.06:-5"]), 4, "DP of s"),
    (row(cells=["0/1:470,30:0.06:500:9"]), 4, "s"),
    (row().rpartition("\t")[0], 4, "s"),
    (row() + "\textra", 4, "after the last sample"),
    ("", 4, "CHROM"),
])  # fmt: skip
def test_a_malformed_record_names_line_and_field(tmp_path, broken, line, field):
    path = vcf(tmp_path, [], ["s"], row(), broken)
    with pytest.raises(BadVariantFile) as caught:
        list(open_vcf(path))
    assert f"line {line}, field {field}" in str(caught.value)


def test_two_samples_without_a_hint_are_not_guessed(tmp_path):
    path = vcf(tmp_path, [], ["a", "b"], row(cells=["0/1:1,1:0.5:2"] * 2))
    with pytest.raises(BadVariantFile, match="--sample a"):
        open_vcf(path)
    assert one(path, sample="b", normal="a").normal_depth == 2
    with pytest.raises(BadVariantFile, match="no sample c"):
        open_vcf(path, sample="c")


def test_header_errors(tmp_path):
    path = tmp_path / "bad.vcf"
    for text, words in (
        ("chr1\t1\n", "first line"),
        ("##fileformat=VCFv4.2\n", "cut off or empty"),
        ("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tINFO\tFILTER\tFORMAT\ts\n", "FILTER"),
        ("##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n", "no sample column"),
        ("", "cut off or empty"),
    ):
        path.write_text(text)
        with pytest.raises(BadVariantFile, match=words):
            open_vcf(path)


def test_a_file_cut_off_anywhere_is_an_error(tmp_path):
    plain = vcf(tmp_path, ["##tumor_sample=s"], ["s"], *[row(pos=100 + i) for i in range(2000)])
    whole = plain.read_bytes()
    plain.write_bytes(whole[:-1])
    with pytest.raises(BadVariantFile, match="cut off"):
        list(open_vcf(plain))
    packed = tmp_path / "x.vcf.gz"
    packed.write_bytes(gzip.compress(whole)[:-20])
    with pytest.raises(BadVariantFile, match="cut off"):
        list(open_vcf(packed))


def test_bgzf_and_bcf_equal_the_text(tmp_path):
    meta = ["##tumor_sample=s", "##contig=<ID=chr2,length=242193529>", '##FILTER=<ID=weak,Description="x">',
            '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">', '##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">',
            '##FORMAT=<ID=AF,Number=A,Type=Float,Description="x">', '##FORMAT=<ID=DP,Number=1,Type=Integer,Description="x">']  # fmt: skip
    plain = vcf(tmp_path, meta, ["s"], row(), row(pos=25234400, filters="weak", cells=["0/1:.:0.25:."]))
    for name, kind in (("y.vcf.gz", "-Oz"), ("y.bcf", "-Ob"), ("z.bcf", "-Ou")):
        try:
            subprocess.run(["bcftools", "view", kind, "-o", str(tmp_path / name), str(plain)], check=True, capture_output=True)
        except FileNotFoundError:
            pytest.skip("bcftools is not installed")

        def content(path):
            return [(v.pos, v.alt, v.depth, v.alt_reads, v.reported_fraction, v.filters) for v in open_vcf(path)]

        assert content(tmp_path / name) == content(plain)
    for name in ("y.vcf.gz", "y.bcf"):
        cut = tmp_path / ("cut" + name)
        cut.write_bytes((tmp_path / name).read_bytes()[:-28])
        with pytest.raises(BadVariantFile, match="end block"):
            list(open_vcf(cut))


MAF = "Hugo_Symbol\tChromosome\tStart_Position\tVariant_Classification\tReference_Allele\tTumor_Seq_Allele2\tTumor_Sample_Barcode"


def test_maf_rows(tmp_path):
    path = tmp_path / "x.maf"
    path.write_text(
        f"#version 2.4\n{MAF}\tHGVSp_Short\tt_depth\tt_ref_count\tt_alt_count\tFILTER\tgnomAD_AF\n"
        "DNMT3A\tchr2\t25234373\tMissense_Mutation\tC\tT\ts1\tp.R882H\t500\t470\t30\tPASS\t\n"
        "TET2\t4\t106155185\tFrame_Shift_Del\tG\t-\ts2\tp.G4fs\t.\t90\t10\tPASS\t0.2\n"
    )
    first, second = read_maf(path)
    assert (first.sample, first.chrom, first.fraction, first.population) == ("s1", "2", 0.06, 0.0)
    assert judge(first, builtin_rules()).verdict == "driver"
    assert (second.depth, second.is_indel, second.homopolymer) == (100, True, None)
    assert any(reason.startswith("population") for reason in judge(second, builtin_rules()).reasons)


@pytest.mark.parametrize(("text", "words"), [
    (MAF.replace("\tReference_Allele", "") + "\n", "Reference_Allele is missing"),
    (MAF + "\nTET2\t4\tx\tSilent\tA\tC\ts\n", "line 2, field Start_Position"),
    (MAF + "\nTET2\t4\t5\tSilent\tA\tC\n", "line 2, field Tumor_Sample_Barcode"),
    (MAF + "\tt_vaf\nTET2\t4\t5\tSilent\tA\tC\ts\t47\n", "line 2, field t_vaf"),
    (MAF + "\tt_depth\nTET2\t4\t5\tSilent\tA\tC\ts\tmany\n", "line 2, field t_depth"),
    ("#only\n", "no header"),
])  # fmt: skip
def test_a_malformed_maf_names_line_and_field(tmp_path, text, words):
    path = tmp_path / "x.maf"
    path.write_text(text)
    with pytest.raises(BadVariantFile, match=words):
        list(read_maf(path))


def test_the_real_maf_is_read_whole(test_data):
    found = list(read_maf(test_data / "chip" / "maftools" / "tcga_laml.maf.gz"))
    assert len(found) == 2207
    assert len({v.sample for v in found}) == 193
    by_gene = [v for v in found if v.annotations[0].gene == "DNMT3A"]
    calls = call_sample("all", by_gene, builtin_rules())
    assert all(j.verdict in ("rejected", "unconfirmed") for j in calls.judged)  # the file has no read counts
    assert sum(c.outcome == "pass" for j in calls.judged for c in j.checks if c.name == "definition") > 50
