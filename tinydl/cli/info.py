"""``tinydl info``."""

__all__ = ["add", "run"]


def add(commands):
    """Enter the command."""
    brief = "version, instruction set, threads and limits found"
    return commands.add_parser("info", help=brief, description=brief)


def run(args, out):
    """Print what `tinydl.show_config` finds."""
    from tinydl.config import SERIAL, show_config
    from tinydl.distributed.threads import placed

    comm = args.comm
    facts = show_config(comm.first)
    if not facts["openmp"]:
        out.note(SERIAL)
    places = placed(comm)
    for rank, threads in enumerate(comm.gather(facts["threads"])):
        if comm.size > 1:
            host, cpus = places[rank]
            out.say(f"rank {rank:<{len(str(comm.size))}}  {host}, {len(cpus)} CPUs, {threads} thread"
                    + "s" * (threads > 1))
    return 0
