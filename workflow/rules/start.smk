# Asked once, before the first job: neither a dry run nor a job does.
import tempfile
from pathlib import Path


def check_writable():
    place = Path(folder("results")).absolute()
    while not place.exists():
        place = place.parent
    try:
        tempfile.TemporaryDirectory(dir=place).cleanup()
    except OSError as error:
        refuse("pathvars.results", f"{folder('results')} cannot be written: {place}: {error.strerror}")


def check_samples():
    """Samples that stand, and are to be used as they are, are of the liquid that the configuration describes."""
    from simulate.files import store
    from simulate.liquid import kob_andersen

    n, density = config["liquid"]["particles"], config["liquid"]["density"]
    jobs = list(workflow.dag.needrun_jobs())
    used = {str(file) for job in jobs for file in job.input if Path(file).name == "sample.h5"}
    for file in sorted(used - {str(file) for job in jobs for file in job.output}):
        found = store.read(file, None, ("types", "box"))
        expected = {
            "particles": (len(found["types"]), n),
            "particles of B": (int(found["types"].sum()), int(kob_andersen.composition(n).sum())),
            "box": (found["box"].round(4).tolist(), kob_andersen.cubic_box(n, density).round(4).tolist()),
            "temperature": (found.settings.get("temperature"), float(Path(file).parts[-4][1:])),
        }
        for name, (has, wanted) in expected.items():
            if has != wanted:
                sys.exit(f"error: {file}: {name}: {has}, expected {wanted}, as the configuration has it")


def check_device():
    """A device that is asked for by name works; on a cluster, its nodes have to say."""
    if config["machine"]["device"] == "auto" or not workflow.local_exec:
        return
    from simulate.liquid import platform
    from simulate.stage.command import InputError

    try:
        platform.choose(config["machine"]["device"])
    except InputError as error:
        refuse("machine.device", error)


onstart:
    check_writable()
    check_device()
    if not PUBLISHED:
        check_samples()
