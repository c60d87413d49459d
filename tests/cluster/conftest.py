"""A study of small simulated samples, Snakemake where it is installed, and a Slurm of the test session's own on loopback."""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from aftercar.actions.assess import assess
from aftercar.actions.simulate_sample import Recipe, simulate_sample

PROFILE = """\
executor: slurm
jobs: 4
retries: 0
keep-going: true
rerun-incomplete: true
latency-wait: 10
seconds-between-status-checks: 1
slurm-init-seconds-before-status-checks: 1
slurm-status-command: squeue
slurm-no-account: true
set-threads:
  sample: 1
set-resources:
  sample:
    mem_mb: 500
"""


def make_study(place, count):
    """``count`` tumours of one invented genome: none, one or two insertions in turn; the first has variants, too."""
    first = place / "S01"
    for number in range(1, count + 1):
        recipe = Recipe(sites=number % 3, depth=12, host_length=60_000, seed=number)
        given = {} if number == 1 else {"reference": first / "reference.fa", "vector": first / "vector.fa"}
        simulate_sample(place / f"S{number:02d}", recipe, **given)
    (place / "study.toml").write_text(
        'format = 1\ntitle = "Many"\ndata_lock = 2024-01-01\nreference = "S01/reference.fa"\nvector = "S01/vector.fa"\n'
        'ch_depths = "depths.csv"\n'
    )
    (place / "depths.csv").write_text("sample_id,gene,depth\nS01,JAK2,900\n")
    (place / "blood.vcf").write_text(
        "##fileformat=VCFv4.2\n##FILTER=<ID=PASS,Description=x>\n##contig=<ID=9>\n"
        "##INFO=<ID=ANN,Number=.,Type=String,Description=\"Functional annotations: 'Allele | Annotation'\">\n"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="x">\n##FORMAT=<ID=AD,Number=R,Type=Integer,Description="x">\n'
        "#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tblood\n"
        "9\t5073770\t.\tG\tT\t90\tPASS\tANN=T|missense_variant|MODERATE|JAK2|JAK2|transcript|NM_004972.4|protein_coding|14/25|"
        "c.1849G>T|p.Val617Phe|||||\tGT:AD\t0/1:700,90\n"
    )
    numbers = range(1, count + 1)
    tables = {
        "people": ["person_id", *(f"P{n:02d}" for n in numbers)],
        "infusions": [
            "infusion_id,person_id,product,infused_on",
            *(f"I{n:02d},P{n:02d},axi-cel,2020-01-{1 + n % 28:02d}" for n in numbers),
        ],
        "cases": ["case_id,person_id,diagnosis,tested,lineage", *(f"C{n:02d},P{n:02d},PTCL,yes,T_cell" for n in numbers)],
        "samples": [
            "sample_id,person_id,case_id,material,assay,reads,purity,variants",
            *(f"S{n:02d},P{n:02d},C{n:02d},tumour,wgs,S{n:02d}/tumour.bam,0.6,{'blood.vcf' if n == 1 else ''}" for n in numbers),
        ],
    }
    for name, lines in tables.items():
        (place / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return place


def tree(folder):
    """Every file of a folder with its bytes."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("small") / "study", 3)


@pytest.fixture(scope="session")
def single(study):
    """The result of a single run."""
    assess(study, study.parent / "single")
    return study.parent / "single"


@pytest.fixture(scope="session")
def snakemake():
    named = os.environ.get("AFTERCAR_SNAKEMAKE", "snakemake")
    found = shutil.which(named)
    if found is None:
        pytest.skip(f"{named} is not installed (it stays in an environment of its own; AFTERCAR_SNAKEMAKE names it)")
    return found


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def slurm(snakemake):
    """The environment in which ``sbatch`` finds a Slurm of one node on loopback; stopped with the session."""
    for program in ("munged", "slurmctld", "slurmd", "srun"):
        if shutil.which(program) is None and not Path("/usr/sbin", program).exists():
            pytest.skip(f"{program} is not installed (Debian: slurm-wlm, munge)")
    names = Path(snakemake).resolve().parent.parent.glob("lib/python3*/site-packages/snakemake_executor_plugin_slurm")
    if not any(names):
        pytest.skip("Snakemake's Slurm executor is not installed beside it")
    place = Path(tempfile.mkdtemp(prefix="aftercar-slurm-"))
    place.chmod(0o755)
    host, user = socket.gethostname().split(".")[0], subprocess.run(["id", "-un"], capture_output=True, text=True).stdout.strip()
    (place / "munge.key").write_bytes(os.urandom(128))
    (place / "munge.key").chmod(0o600)
    (place / "slurm.conf").write_text(
        f"ClusterName=tiny\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={free_port()}\nSlurmdPort={free_port()}\n"
        f"AuthType=auth/munge\nAuthInfo=socket={place}/munge.sock\nSlurmUser={user}\nSlurmdUser={user}\n"
        f"StateSaveLocation={place}/state\nSlurmdSpoolDir={place}/spool\n"
        f"SlurmctldPidFile={place}/ctld.pid\nSlurmdPidFile={place}/d.pid\n"
        f"SlurmctldLogFile={place}/slurmctld.log\nSlurmdLogFile={place}/slurmd.log\n"
        "ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n"
        "AccountingStorageType=accounting_storage/none\nMpiDefault=none\nReturnToService=2\nMinJobAge=300\n"
        "SelectType=select/cons_tres\nSelectTypeParameters=CR_Core_Memory\nSchedulerParameters=sched_interval=1,bf_interval=1\n"
        f"NodeName={host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=4000 State=UNKNOWN\n"
        "PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP\n"
    )
    (place / "state").mkdir()
    (place / "spool").mkdir()
    # Snakemake's executor drops SLURM_CONF on the node, where a real cluster has it in /etc.
    (place / "bin").mkdir()
    (place / "bin" / "srun").write_text(f'#!/bin/sh\nexport SLURM_CONF={place}/slurm.conf\nexec {shutil.which("srun")} "$@"\n')
    (place / "bin" / "srun").chmod(0o755)
    environment = {
        **os.environ,
        "SLURM_CONF": str(place / "slurm.conf"),
        "PATH": f"{place / 'bin'}:/usr/sbin:{os.environ['PATH']}",
    }
    munge = ["--key-file=munge.key", "--socket=munge.sock", "--pid-file=munge.pid", "--log-file=munge.log", "--seed-file=seed"]
    daemons = (
        ["munged", "--foreground", *(f"{option.split('=')[0]}={place}/{option.split('=')[1]}" for option in munge)],
        ["slurmctld", "-D"],
        ["slurmd", "-D", "-N", host],
    )
    running = []
    try:
        for command in daemons:
            with (place / f"{command[0]}.out").open("w") as out:
                running.append(subprocess.Popen(command, env=environment, stdout=out, stderr=out))
            time.sleep(1)
        for _ in range(60):
            shown = subprocess.run(["sinfo", "-h", "-o", "%T"], env=environment, capture_output=True, text=True)
            if shown.stdout.strip() == "idle":
                break
            time.sleep(0.5)
        else:
            said = "".join(path.read_text()[-500:] for path in sorted(place.glob("*.out")))
            pytest.skip(f"Slurm does not start here: {shown.stdout}{shown.stderr}{said}")
        yield environment
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(20)
        shutil.rmtree(place, ignore_errors=True)
