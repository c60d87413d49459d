"""A VCF cut off anywhere but between two lines is an error; one record never changes the reading of another."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from aftercar.edges.variants import BadVariantFile, open_vcf

HEAD = "##fileformat=VCFv4.2\n##tumor_sample=s\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\ts\n"
records = st.lists(
    st.builds(
        lambda pos, ref, alt, reads, depth: (pos, ref, alt, min(reads, depth), depth),
        st.integers(1, 10**8),
        st.text("ACGT", min_size=1, max_size=4),
        st.text("ACGT", min_size=1, max_size=4),
        st.integers(0, 500),
        st.integers(0, 900),
    ),
    min_size=1,
    max_size=6,
)


def text(rows):
    return HEAD + "".join(f"2\t{p}\t.\t{r}\t{a}\t.\tPASS\t.\tGT:AD:DP\t0/1:{d - k},{k}:{d}\n" for p, r, a, k, d in rows)


@given(records, st.data())
def test_cut_files_are_refused(tmp_path_factory, rows, data):
    whole = text(rows)
    cut = data.draw(st.integers(0, len(whole) - 1))
    assume(cut == 0 or whole[cut - 1] != "\n" or cut < len(HEAD))
    path = tmp_path_factory.mktemp("cut") / "x.vcf"
    path.write_text(whole[:cut])
    with pytest.raises(BadVariantFile):
        list(open_vcf(path))


@given(records)
def test_what_was_written_is_read(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("whole") / "x.vcf"
    path.write_text(text(rows))
    assert [(v.pos, v.ref, v.alt, v.alt_reads, v.depth) for v in open_vcf(path)] == rows
