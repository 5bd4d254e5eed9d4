"""s5cmd: many small objects, from and to files in the memory of `folder`, its start included. This program waits for
the start, then becomes it."""

import sys
from pathlib import Path

from job import Source, job
from s5 import become, version


def main():
    if sys.argv[1:] == ["version"]:
        print(version())
        return
    todo = job()
    folder, objects = Path(todo.folder), f"s3://{todo.bucket}/{todo.key}"
    if todo.op == "write":
        body = Source(todo.size).read()
        for number in range(todo.objects):
            (folder / str(number)).write_bytes(body)
        become(todo, ["--numworkers", str(todo.in_flight)], ["cp", f"{folder}/*", f"{objects}/"])
    else:
        become(todo, ["--numworkers", str(todo.in_flight)], ["cp", f"{objects}/*", f"{folder}/"])


if __name__ == "__main__":
    main()
