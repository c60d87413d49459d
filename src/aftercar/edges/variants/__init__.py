"""Reading somatic variants: VCF and BCF of any caller, MAF; annotated by VEP, SnpEff, ANNOVAR or Funcotator.

A file is read once, record by record; memory does not grow with it. Anything malformed stops the reading with the file,
the line and the field; a file cut off in the middle is an error, never a short list.
"""

from aftercar.edges.variants.maf import read_maf
from aftercar.edges.variants.rules import builtin_rules, read_rules
from aftercar.edges.variants.text import BadVariantFile
from aftercar.edges.variants.vcf import VcfHeader, VcfReader, open_vcf

__all__ = ["BadVariantFile", "VcfHeader", "VcfReader", "builtin_rules", "open_vcf", "read_maf", "read_rules"]
