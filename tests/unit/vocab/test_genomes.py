from aftercar.vocab.genomes import CHM13, GRCH37, GRCH38, bare_contig, build_of, find_genome


def test_names_and_contigs():
    assert find_genome("HG38") is GRCH38
    assert find_genome("b37") is GRCH37
    assert find_genome("T2T-CHM13v2.0") is find_genome("hs1") is CHM13
    assert find_genome("mm10") is None
    assert bare_contig("chr4") == bare_contig("4") == "4"
    assert bare_contig("chrM") == "MT"


def test_build_is_known_from_contig_lengths():
    assert build_of({"chr4": 190214555}) is GRCH38
    assert build_of({"4": 191154276, "X": 155270560}) is GRCH37
    assert build_of({"4": 191154276, "chrX": 156040895}) is None
    assert build_of({"chr8": 146259331}) is CHM13
    assert build_of({"toy": 1000}) is None


def test_the_genomes_have_the_size_of_a_human_one():
    totals = [sum(genome.lengths.values()) for genome in (GRCH38, GRCH37, CHM13)]
    assert totals == [3_088_269_832, 3_095_677_412, 3_117_275_501]
