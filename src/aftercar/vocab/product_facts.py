"""The marketed CAR-T products as data: names, target, vector, co-stimulation, authorisations, each with its source.

To add a product, add a :class:`~aftercar.vocab.products.Product` here; to correct a fact, change it and its source.
Facts marked ``recalled`` were not checked against their source and are shown with that mark.
"""

from __future__ import annotations

from aftercar.vocab.dates import PartialDate
from aftercar.vocab.products import Authorisation, Product
from aftercar.vocab.sources import Source

_REVIEW_2022 = Source("Expert Rev Mol Med 2022;24:e7, table 1 (PMC9617572)", "seen")
_DESIGN_2022 = Source("Front Pediatr 2022;9:784024, table 2 (PMC8823293)", "seen")
_DESIGN_2024 = Source("J Clin Pharm Ther 2024, id 2239888, table 2", "seen")
_CHINA_2024 = Source("J Hematol Oncol 2024, doi 10.1186/s13045-024-01602-0, table 1", "seen")
_FOSUN = Source("immunotherapychina.com, first CAR-T approved in China", "seen")
_FOSUN_2025 = Source("Fosun Pharma announcement of 2025-09-24 (reportify.ai)", "secondary")
_EC_AUGUST = Source("genetherapynetwork.com timeline: both approved by the European Commission in August 2018", "secondary")
_KITE_EC = Source("genetherapynet.com, Yescarta: announced 27 August 2018", "secondary")
_EPAR = Source("EMA public assessment report, date of issue of the marketing authorisation", "recalled")
_MHRA = Source("UK medicines regulator's list of authorised products", "recalled")
_PMDA = Source("PMDA list of approved regenerative medical products", "recalled")
_NMPA = Source("NMPA announcement", "recalled")
_OPENFDA = Source("openFDA product comparison, approval dates", "secondary")
_AABB_INDIA = Source("aabb.org, 2025-01-29: India approves second CAR-T cell therapy", "seen")
_INDIA_TALI = Source("meeting abstract on tali-cel in practice: approved in India in October 2023", "seen")
_INDIA_PRESS = Source("expresspharma.in, 2023-11-01: NexCAR19 approved by CDSCO in October", "seen")
_AUTOLUS_US = Source("bigmoleculewatch.com: FDA approval announced 8 November 2024", "seen")
_AUTOLUS_UK = Source("trial.medpath.com: MHRA conditional authorisation 25 April 2025", "seen")
_KYMRIAH_EC = Source("finanznachrichten.de, 2018-08-27: European Commission approval announced", "secondary")
_CARVYKTI_EC = Source("thepharmaletter.com: European Commission approval after the opinion of March 2022", "secondary")
_MAESTRO_CN = Source("maestrodatabase.com, 24 June 2021: announced 23 June", "secondary")
_FOSUN_2026 = Source(
    "Fosun Pharma announcement (itiger.com 1155587215): approved for adult B-ALL, no date in the text", "secondary"
)
_SATRI = Source("chinamedwaypoint.com, 24 June 2026: approved 22 June 2026", "secondary")
_KOREA = Source("allstemcells.com news 207; dailypharm.com 8046: approved 29 April 2026", "secondary")
_RECALLED = Source("general knowledge of the field", "recalled")


def _day(text: str) -> PartialDate:
    return PartialDate.parse(text)


PRODUCTS: tuple[Product, ...] = (
    Product(
        key="tisa-cel",
        inn="tisagenlecleucel",
        brands=("Kymriah",),
        synonyms=(
            "tisagenlecleucel-T",
            "tisagen lecleucel",
            "tisagenleucel",
            "CTL019",
            "CART-19",
            "CART19",
            "CTL-019",
            "tisagen",
        ),
        target="CD19",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="Novartis",
        authorisations=(
            Authorisation("US", _day("2017-08-30"), "full", _REVIEW_2022),
            Authorisation(
                "EU", _day("2018-08-23"), "full", _EPAR, note="month seen: " + str(_EC_AUGUST) + "; " + str(_KYMRIAH_EC)
            ),
            Authorisation("JP", _day("2019-03-26"), "full", _PMDA),
        ),
        sources={"target": _REVIEW_2022, "vector": _REVIEW_2022, "costimulation": _REVIEW_2022, "names": _DESIGN_2024},
    ),
    Product(
        key="axi-cel",
        inn="axicabtagene ciloleucel",
        brands=("Yescarta", "奕凯达"),
        synonyms=("KTE-C19", "KTEC19", "axicabtagene", "axicabtagen ciloleucel", "FKC876", "阿基仑赛", "Yi Kai Da"),
        target="CD19",
        vector="gamma-retroviral",
        costimulation="CD28",
        holder="Kite (Gilead)",
        authorisations=(
            Authorisation("US", _day("2017-10-18"), "full", _REVIEW_2022),
            Authorisation("EU", _day("2018-08-23"), "full", _EPAR, note="month seen: " + str(_KITE_EC)),
            Authorisation("CN", _day("2021-06-22"), "full", _FOSUN, note=str(_MAESTRO_CN)),
            Authorisation(
                "JP", _day("2021-01-22"), "full", Source("thepharmaletter.com, 2021-01-22: announced that day", "secondary")
            ),
        ),
        sources={"target": _REVIEW_2022, "vector": _REVIEW_2022, "costimulation": _REVIEW_2022, "names": _DESIGN_2024},
    ),
    Product(
        key="brexu-cel",
        inn="brexucabtagene autoleucel",
        brands=("Tecartus",),
        synonyms=(
            "KTE-X19",
            "KTEX19",
            "brexucabtagene",
            "autologous anti-CD19-transduced CD3+ cells",
            "autologous anti CD19 transduced CD3 positive cells",
            "FKC889",
            "布瑞基奥仑赛",
        ),
        target="CD19",
        vector="gamma-retroviral",
        costimulation="CD28",
        holder="Kite (Gilead)",
        authorisations=(
            Authorisation("US", _day("2020-07"), "accelerated", _REVIEW_2022, note="23 or 24 July by source: " + str(_OPENFDA)),
            Authorisation("EU", _day("2020-12-14"), "conditional", _EPAR, note="month seen: " + str(_FOSUN_2025)),
            Authorisation(
                "CN", _day("2026"), "full", Source("year inferred from the filing of September 2025", "derived"), str(_FOSUN_2026)
            ),
        ),
        sources={"target": _REVIEW_2022, "vector": _REVIEW_2022, "costimulation": _REVIEW_2022, "names": _DESIGN_2024},
    ),
    Product(
        key="liso-cel",
        inn="lisocabtagene maraleucel",
        brands=("Breyanzi",),
        synonyms=("JCAR017", "JCAR-017", "lisocabtagene", "lisocabtagen maraleucel"),
        target="CD19",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="Bristol Myers Squibb (Juno)",
        authorisations=(
            Authorisation("US", _day("2021-02-05"), "full", _REVIEW_2022),
            Authorisation("EU", _day("2022-04-04"), "full", _EPAR, note="year seen: " + str(_DESIGN_2024)),
            Authorisation("JP", _day("2021-03-22"), "full", _PMDA),
        ),
        sources={"target": _REVIEW_2022, "vector": _REVIEW_2022, "costimulation": _REVIEW_2022, "names": _DESIGN_2024},
    ),
    Product(
        key="ide-cel",
        inn="idecabtagene vicleucel",
        brands=("Abecma",),
        synonyms=("bb2121", "bb-2121", "idecabtagene", "idecabtagen vicleucel", "BMS-986395"),
        target="BCMA",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="Bristol Myers Squibb",
        authorisations=(
            Authorisation("US", _day("2021-03-26"), "full", _REVIEW_2022),
            Authorisation("EU", _day("2021-08-18"), "conditional", _EPAR, note="year seen: " + str(_DESIGN_2022)),
            Authorisation("JP", _day("2022-01-20"), "full", _PMDA),
        ),
        sources={"target": _REVIEW_2022, "vector": _REVIEW_2022, "costimulation": _REVIEW_2022, "names": _DESIGN_2024},
    ),
    Product(
        key="cilta-cel",
        inn="ciltacabtagene autoleucel",
        brands=("Carvykti", "卡卫荻"),
        synonyms=(
            "JNJ-68284528",
            "JNJ-4528",
            "JNJ68284528",
            "LCAR-B38M",
            "LCARB38M",
            "西达基奥仑赛",
            "ciltacabtagene",
            "ciltacabtagen autoleucel",
        ),
        target="BCMA",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="Janssen / Legend",
        authorisations=(
            Authorisation("US", _day("2022-02-28"), "full", _CHINA_2024),
            Authorisation("EU", _day("2022-05-25"), "conditional", _EPAR, note="seen: " + str(_CARVYKTI_EC)),
            Authorisation("JP", _day("2022-09-26"), "full", _PMDA),
            Authorisation("CN", _day("2024-08-27"), "conditional", _NMPA),
        ),
        sources={"target": _DESIGN_2024, "vector": _DESIGN_2024, "costimulation": _DESIGN_2024, "names": _DESIGN_2024},
    ),
    Product(
        key="obe-cel",
        inn="obecabtagene autoleucel",
        brands=("Aucatzyl",),
        synonyms=("AUTO1", "AUTO-1", "obecabtagene", "obecabtagen autoleucel"),
        target="CD19",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="Autolus",
        authorisations=(
            Authorisation("US", _day("2024-11-08"), "full", _AUTOLUS_US),
            Authorisation("UK", _day("2025-04-25"), "conditional", _AUTOLUS_UK),
            Authorisation("EU", _day("2025-07"), "conditional", _EPAR),
        ),
        sources={"target": _AUTOLUS_US, "vector": _RECALLED, "costimulation": _RECALLED, "names": _AUTOLUS_US},
    ),
    Product(
        key="relma-cel",
        inn="relmacabtagene autoleucel",
        brands=("Carteyva", "倍诺达"),
        synonyms=("JWCAR029", "瑞基奥仑赛", "relmacabtagene"),
        target="CD19",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="JW Therapeutics",
        authorisations=(Authorisation("CN", _day("2021-09"), "full", _REVIEW_2022),),
        sources={"target": _REVIEW_2022, "vector": _REVIEW_2022, "costimulation": _REVIEW_2022, "names": _REVIEW_2022},
    ),
    Product(
        key="eque-cel",
        inn="equecabtagene autoleucel",
        brands=("Fucaso", "福可苏"),
        synonyms=("CT103A", "伊基奥仑赛", "IBI326", "equecabtagene"),
        target="BCMA",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="IASO Bio",
        authorisations=(Authorisation("CN", _day("2023-06-30"), "conditional", _CHINA_2024),),
        sources={"target": _CHINA_2024, "vector": _RECALLED, "costimulation": _RECALLED, "names": _CHINA_2024},
    ),
    Product(
        key="inati-cel",
        inn="inaticabtagene autoleucel",
        brands=("Yorwida", "源瑞达", "Yuanruida"),
        synonyms=("CNCT19", "纳基奥仑赛", "inaticabtagene", "HI19a CAR-T"),
        target="CD19",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="Juventas Cell Therapy",
        authorisations=(Authorisation("CN", _day("2023-11-07"), "conditional", _CHINA_2024),),
        sources={"target": _CHINA_2024, "vector": _RECALLED, "costimulation": _RECALLED, "names": _CHINA_2024},
    ),
    Product(
        key="zevor-cel",
        inn="zevorcabtagene autoleucel",
        brands=("赛恺泽", "Saikaize"),
        synonyms=("CT053", "泽沃基奥仑赛", "zevorcabtagene"),
        target="BCMA",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="CARsgen Therapeutics",
        authorisations=(Authorisation("CN", _day("2024-02-23"), "conditional", _CHINA_2024),),
        sources={"target": _CHINA_2024, "vector": _RECALLED, "costimulation": _RECALLED, "names": _CHINA_2024},
    ),
    Product(
        key="tali-cel",
        inn="talicabtagene autoleucel",
        brands=("NexCAR19",),
        synonyms=("actalycabtagene autoleucel", "actalycabtagene", "talicabtagene", "HCAR19", "Nex CAR 19", "actaly-cel"),
        target="CD19",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="ImmunoACT",
        authorisations=(Authorisation("IN", _day("2023-10"), "full", _INDIA_TALI),),
        sources={"target": _INDIA_TALI, "vector": _RECALLED, "costimulation": _RECALLED, "names": _INDIA_PRESS},
    ),
    Product(
        key="var-cel",
        inn="varnimcabtagene autoleucel",
        brands=("Qartemi",),
        synonyms=("ARI-0001", "ARI0001", "IMN-003A", "varnimcabtagene"),
        target="CD19",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="Hospital Clinic Barcelona / Immuneel",
        authorisations=(
            Authorisation("ES", _day("2021-02-10"), "hospital exemption", _REVIEW_2022),
            Authorisation("IN", _day("2025-01"), "full", _AABB_INDIA),
        ),
        sources={"target": _AABB_INDIA, "vector": _REVIEW_2022, "costimulation": _REVIEW_2022, "names": _AABB_INDIA},
    ),
    Product(
        key="anbal-cel",
        inn="anbalcabtagene autoleucel",
        brands=("Limcato", "Rimqarto", "Rimkatoju"),
        synonyms=("CRC01", "anbalcabtagene", "Limkato"),
        target="CD19",
        vector="lentiviral",
        costimulation="4-1BB",
        holder="Curocell",
        authorisations=(Authorisation("KR", _day("2026-04-29"), "full", _KOREA),),
        sources={"target": _KOREA, "vector": _RECALLED, "costimulation": _RECALLED, "names": _KOREA},
    ),
    Product(
        key="satri-cel",
        inn="satricabtagene autoleucel",
        brands=(),
        synonyms=("CT041", "satricabtagene", "舒瑞基奥仑赛"),
        target="CLDN18.2",
        vector="unknown",
        costimulation="CD28",
        holder="CARsgen Therapeutics",
        authorisations=(Authorisation("CN", _day("2026-06-22"), "full", _SATRI),),
        sources={"target": _SATRI, "vector": _RECALLED, "costimulation": _RECALLED, "names": _SATRI},
    ),
)

#: Other INNs of the family and look-alikes: a text that is nearer to one of these is not one of our products.
OTHERS: tuple[str, ...] = (
    "zamtocabtagene autoleucel",
    "rapcabtagene autoleucel",
    "prizloncabtagene autoleucel",
    "anitocabtagene autoleucel",
    "azercabtagene zapreleucel",
    "vadacabtagene leraleucel",
    "orvacabtagene autoleucel",
    "afamitresgene autoleucel",
    "letetresgene autoleucel",
    "lifileucel",
    "sipuleucel-T",
    "tabelecleucel",
    "betibeglogene autotemcel",
    "elivaldogene autotemcel",
    "lovotibeglogene autotemcel",
    "Citrucel",
    "Evicel",
    "Carvedilol",
    "Tecentriq",
    "Abelcet",
    "Provenge",
)
