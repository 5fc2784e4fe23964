# Processes of the host that do what they are told: a line "NUMBER<tab>EXPRESSION" goes to one of them, which answers the
# value, or the name of the error. Number 0 leads a session; 1 and 2 are its children, 3 is one of 1.
import errno, fcntl, os, struct, sys

PARENTS = [None, 0, 0, 1]
ways = [(os.pipe(), os.pipe()) for _ in PARENTS]
files, opened_as, flocked = {}, {}, {}


def opened(path, flags):
    "Opens a file under the lowest free number of this process's own count."
    files[len(files)] = os.open(path, flags, 0o644)
    return len(files) - 1


KINDS = {"RD": fcntl.F_RDLCK, "WR": fcntl.F_WRLCK, "UN": fcntl.F_UNLCK}


def lock(file, command, kind, whence, start, length):
    given = struct.pack("hhqqixxxx", KINDS[kind], whence, start, length, 0)
    return struct.unpack("hhqqixxxx", fcntl.fcntl(files[file], command, given))


def held(file, kind, whence, start, length):
    kind, _, start, length, _ = lock(file, fcntl.F_GETLK, kind, whence, start, length)
    names = {number: name for name, number in KINDS.items()}
    return None if kind == fcntl.F_UNLCK else (names[kind], start, length)


def dup(file):
    files[len(files)] = os.dup(files[file])
    opened_as[len(files) - 1] = opened_as.get(file, file)


def flock(file, kind):
    "Linux gives a lock up before it looks for others in the way; BSD keeps it, so it is taken again."
    opened = opened_as.get(file, file)
    try:
        fcntl.flock(files[file], kind | fcntl.LOCK_NB)
        flocked[opened] = kind
    except OSError:
        fcntl.flock(files[file], flocked.get(opened, fcntl.LOCK_UN))
        raise


def chattr(path, flags):
    "Sets the flags of chattr(1) that are named, and leaves those that tell of the layout."
    file = os.open(path, os.O_RDONLY)
    try:
        (kept,) = struct.unpack("i", fcntl.ioctl(file, 0x80086601, bytes(4)))
        # What is immutable changes nothing but that.
        for flags in (0, flags):
            fcntl.ioctl(file, 0x40086602, struct.pack("i", kept & ~0x30 | flags))
    finally:
        os.close(file)


def work(number):
    if number == 0:
        os.setsid()
    children = [child for child, parent in enumerate(PARENTS) if parent == number]
    for child in children:
        pid = os.fork()
        if pid == 0:
            return work(child)
        os.write(ways[child][1][1], b"%d\n" % pid)
    commands, answers = os.fdopen(ways[number][0][0]), os.fdopen(ways[number][1][1], "w")
    # Nobody else is to keep a way open.
    for other, ((read, write), (read_answer, write_answer)) in enumerate(ways):
        os.close(write)
        os.close(read_answer)
        if other != number:
            os.close(read)
            if other not in children:
                os.close(write_answer)
    for line in commands:
        try:
            answer = repr(eval(line, globals()))
        except OSError as error:
            answer = errno.errorcode[error.errno]
        answers.write(answer + "\n")
        answers.flush()
    os._exit(0)


pid = os.fork()
if pid == 0:
    work(0)
os.write(ways[0][1][1], b"%d\n" % pid)
answers = [os.fdopen(answer[0]) for _, answer in ways]
print(" ".join(answer.readline().strip() for answer in answers), flush=True)
for line in sys.stdin:
    number, expression = line.split("\t", 1)
    os.write(ways[int(number)][0][1], expression.encode())
    print(answers[int(number)].readline().strip(), flush=True)
