//! Programs that begin others, all of which have one kernel: rows as in `files`, with a kernel at a server.

use crate::files::Print::{Same, Sorted};
use crate::files::{JUDGES, Row, check, row, same};
use crate::rig::{Carrier, PATIENCE, Twins, compiled, hijacked};
use crate::server::Server;
use interop::image::Scratch;
use interop::program::{lacks, run_group_within};
use interop::suite::Suite;
use interop::{Check, context};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

const PYTHON: &str = "/usr/bin/python3";

const ROWS: &[Row] = &[
    row(
        "dash_pipes",
        &[
            "dash",
            "-c",
            "echo a > {}/x; cat < {}/x | tr a b > {}/y; (cd {}/etc && ls) | sort -r; cat {}/y >> {}/x; wc -l < {}/x",
        ],
        Same,
    ),
    row(
        "dash_runs_in_the_background",
        &[
            "dash",
            "-c",
            "cd {}; for n in 1 2 3; do sort -u home/anna/notes.txt > sorted$n & done; wait; cat sorted? | wc; exec 4< etc/passwd; read first <&4; cat <&4; exec 2> errors; ls nowhere",
        ],
        Same,
    ),
    row(
        "bash_substitutes",
        &[
            "bash",
            "-c",
            "cd {}/home/anna\ncat <<END > here\none\ntwo ${PWD##*/}\nEND\nn=$(wc -l < here); echo $n\nwhile read line; do echo \"<$line>\"; done < <(sort ../../etc/passwd)\ncat here - <<< three | tee all | sha256sum > sums; rm here; diff all <(cat all) && pwd",
        ],
        Same,
    ),
    row(
        "xargs_and_find",
        &[
            "dash",
            "-c",
            "find {}/home -name 'item*' -print0 | sort -z | xargs -0 -n 50 cat | sha256sum; find {}/etc -type f -exec sh -c 'wc -c < \"$1\" >> {}/sizes' - '{''}' ';'; sort -n {}/sizes; rm {}/sizes",
        ],
        Same,
    ),
    row(
        "tar_with_a_compressor",
        &[
            "dash",
            "-c",
            "tar -C {} --sort=name -czf {}/all.tgz etc home && mkdir {}/again && tar -C {}/again -xzf {}/all.tgz && tar -tJf {}/all.tgz; ls {}/again",
        ],
        Same,
    ),
    row("rsync_inside", &["rsync", "-a", "{}/home/", "{}/copy"], Same),
    row("rsync_into_the_kernel", &["rsync", "-a", "/usr/share/doc/bash/", "{}/copy"], Same),
    row(
        "make",
        &[
            "dash",
            "-c",
            "cd {} && printf 'all: a b\\n\\tcat a b > $@\\na: etc/passwd\\n\\tsort $< | tr a-z A-Z > $@\\nb: home/anna/notes.txt\\n\\thead -n 5 $< > $@\\n' > Makefile && make -s -j2 && make",
        ],
        Sorted,
    ),
    row(
        "gcc",
        &[
            "dash",
            "-c",
            "cd {} && printf '#include <stdio.h>\\nint main(void) { puts(\"compiled\"); return 0; }\\n' > hello.c && gcc -O1 -o hello hello.c && cp hello {out} && {out}",
        ],
        Same,
    ),
    row(
        "python_subprocesses",
        &[
            PYTHON,
            "-c",
            "import os, subprocess\nos.chdir('{}')\nwith open('sorted', 'w') as out: subprocess.run(['sort', 'etc/passwd'], stdout=out, check=True)\nwith open('sorted') as f: print(subprocess.check_output(['tr', 'a-z', 'A-Z'], stdin=f, text=True))\np = os.popen('cat etc/fstab'); print(p.read()); p.close()\nprint(os.system('echo by the shell > shell; exit 3'))\nprint(os.path.getsize('shell'), subprocess.run('ls | sort | head -n 2', shell=True, capture_output=True, text=True).stdout)\nr, w = os.pipe()\nif os.fork() == 0:\n  os.write(w, open('etc/passwd', 'rb').read(10)); open('child', 'w').write('c'); os._exit(0)\nos.wait(); print(os.read(r, 100), os.listdir('.').count('child'))\npid = os.posix_spawn('/bin/cat', ['cat'], os.environ, file_actions=[(os.POSIX_SPAWN_OPEN, 0, '/etc/hostname', os.O_RDONLY, 0), (os.POSIX_SPAWN_DUP2, os.open('spawned', os.O_WRONLY | os.O_CREAT), 1)])\nprint(os.waitpid(pid, 0)[1], open('spawned').read() == open('/etc/hostname').read())",
        ],
        Same,
    ),
    row(
        "git_commits",
        &[
            "dash",
            "-c",
            "cd {} && export GIT_COMMITTER_DATE=@1700000000 GIT_AUTHOR_DATE=@1700000000 GIT_CONFIG_GLOBAL=/dev/null && git init -q . && git config user.name x && git config user.email x@example.org && git config gc.auto 0 && git add . && git commit -q -m all && git clone -q . copy && cd copy && git status --short && git log --stat --format=%T | cat && git fsck && git branch --list; rm -rf .git/index ../.git/index .git/logs .git/config",
        ],
        Same,
    ),
];

pub fn add(suite: &mut Suite) {
    for row in ROWS {
        let needed = lacks(JUDGES).or_else(|| lacks(&row.words[..1]));
        let needed = needed.or_else(|| lacks(&["make", "gcc", "git", "rsync", PYTHON]));
        suite.add(format!("shared::{}", row.name), needed, || check(row, Carrier::Remote));
    }
    let needed = lacks(JUDGES).or_else(|| lacks(&["dash", "gcc", PYTHON]));
    suite.add("shared::a_program_in_c", needed, program_in_c);
    suite.add("shared::forks_amid_threads", needed, forks_amid_threads);
    suite.add("shared::forks_amid_restarts", needed, forks_amid_restarts);
    suite.add("shared::a_thousand_forks", needed, thousand_forks);
    suite.add("shared::who_is_killed_leaves_nothing", needed, killed);
    suite.add("shared::a_server_that_comes_again", needed, server_again);
    suite.add("shared::a_server_with_a_key", lacks(&["dash", PYTHON]), sealed);
    suite.add("shared::no_server_is_told_once", None, no_server);
}

/// popen(3), system(3), posix_spawn(3) by functions of libc's own.
fn program_in_c() -> Check {
    let twins = Twins::make("c", Carrier::Remote)?;
    let program = compiled(Path::new(&twins.path("begins")), BEGINS)?;
    let words = [program.as_str(), "{}"];
    let (host, rump) = (twins.at_host(&words)?, twins.at_rump(&words)?);
    same(Same, &twins, &host, &rump)?;
    twins.compare()
}

const BEGINS: &str = r#"#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
int main(int argc, char **argv)
{
    char line[100];
    if (argc < 2 || chdir(argv[1]) != 0)
        return 1;
    FILE *in = popen("sort etc/passwd", "r");
    while (fgets(line, sizeof line, in))
        fputs(line, stdout);
    printf("%d\n", pclose(in));
    FILE *out = popen("tr a-z A-Z > upper", "w");
    fputs("to the shell\n", out);
    printf("%d\n", pclose(out));
    fflush(stdout);
    printf("%d\n", WEXITSTATUS(system("cat upper; exit 7")));
    int fd = open("spoken", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        dup2(fd, 1);
        close(fd);
        execlp("echo", "echo", "by", "echo", (char *)0);
        _exit(1);
    }
    waitpid(child, 0, 0);
    lseek(fd, 0, SEEK_SET);
    line[read(fd, line, sizeof line - 1)] = 0;
    fputs(line, stdout);
    return getenv("RUMPCLIENT__COOKIE") || getenv("RUMPCLIENT__EXECFD");
}
"#;

/// A child does not wait for what its parent's other threads were about.
fn forks_amid_threads() -> Check {
    let scratch = Scratch::new("forks")?;
    let program = compiled(&scratch.path("forks"), include_str!("programs/forks.c"))?;
    let server = Server::start(&["rumpfs_tmpfs", "rumpnet_netinet"])?;
    for mut command in [server.command(&[&program, "/rump/dev"])?, hijacked(&[], &[&program, "/rump/dev"])?] {
        let finished = run_group_within(&mut command, PATIENCE)?;
        if finished.stdout != b"0 failed\n" {
            return Err(format!("{}: {}", finished.verdict(), String::from_utf8_lossy(&finished.stdout)));
        }
    }
    server.end()
}

/// A child does not wait for a thread of its parent that looks for the server.
fn forks_amid_restarts() -> Check {
    let scratch = Scratch::new("forks")?;
    let program = compiled(&scratch.path("restarts"), include_str!("programs/restarts.c"))?;
    let mut server = Server::start(&["rumpfs_tmpfs"])?;
    let mut command = server.command(&[&program, "/rump/dev"])?;
    command.env("RUMPHIJACK_RETRYCONNECT", "inftime");
    let running = std::thread::spawn(move || run_group_within(&mut command, PATIENCE));
    while !running.is_finished() {
        std::thread::sleep(Duration::from_millis(20));
        server = server.replace(&["rumpfs_tmpfs"])?;
    }
    let finished = running.join().map_err(|_| "the program was not waited for")??;
    drop(server);
    match &finished.stdout[..] {
        b"0 hung\n" => Ok(()),
        other => Err(format!("{}: {}", finished.verdict(), String::from_utf8_lossy(other))),
    }
}

/// They come and go, and each has what its parent had.
fn thousand_forks() -> Check {
    let twins = Twins::make("forks", Carrier::Remote)?;
    let script = "n=0; while [ $n -lt 1000 ]; do (echo $n >> {}/count); n=$((n + 1)); done; wc -l < {}/count";
    let words = ["dash", "-c", script];
    let (host, rump) = (twins.at_host(&words)?, twins.at_rump(&words)?);
    same(Same, &twins, &host, &rump)?;
    twins.at_server(Server::lets_go_of_the_disk)?;
    twins.compare()
}

/// The files that it had open do not keep the disk.
fn killed() -> Check {
    let twins = Twins::make("killed", Carrier::Remote)?;
    let text = "import os, time\nopened = [open('/rump/mnt/tree/etc/passwd') for _ in range(50)]\nos.fork()\nprint('ready', flush=True)\ntime.sleep(60)";
    let mut victim = twins.at_server(|server| server.command(&[PYTHON, "-c", text]))?;
    std::os::unix::process::CommandExt::process_group(&mut victim, 0);
    let mut victim = context(victim.stdout(Stdio::piped()).spawn(), PYTHON)?;
    let mut said = [0; 12];
    let read = victim.stdout.take().map(|mut stdout| std::io::Read::read_exact(&mut stdout, &mut said));
    let group = rustix::process::Pid::from_child(&victim);
    let killed = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    let _ = victim.wait();
    context(read.transpose(), "what the victim says")?;
    context(killed.map_err(std::io::Error::from), "the victims")?;
    twins.at_server(Server::lets_go_of_the_disk)?;
    twins.compare()
}

/// A program that looks for its server until it is there finds another one.
fn server_again() -> Check {
    let server = Server::start(&["rumpfs_tmpfs"])?;
    let mut command = server.command(&[PYTHON, "-c", AGAIN])?;
    command.env("RUMPHIJACK_RETRYCONNECT", "inftime").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = context(command.spawn(), PYTHON)?;
    let mut before = [0; 7];
    let mut stdout = child.stdout.take().ok_or("no output")?;
    context(std::io::Read::read_exact(&mut stdout, &mut before), "what the program says")?;
    let server = server.replace(&["rumpfs_tmpfs"])?;
    drop(child.stdin.take());
    let until = Instant::now() + PATIENCE;
    while context(child.try_wait(), PYTHON)?.is_none() {
        if Instant::now() > until {
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut after = String::new();
    context(std::io::Read::read_to_string(&mut stdout, &mut after), "what the program says")?;
    drop(server);
    match after.as_str() {
        "True\nEBADF\nFalse\n" => Ok(()),
        other => Err(other.into()),
    }
}

/// The first server is asked, it is replaced, and so what the program had open is gone.
const AGAIN: &str = "import errno, os, sys
held = os.open('/rump/here', os.O_RDWR | os.O_CREAT)
print('before', flush=True)
sys.stdin.read()
# A call that was under way is lost; the next finds the other server.
print(os.path.isdir('/rump') or os.path.isdir('/rump'))
try:
    os.write(held, b'x')
except OSError as error:
    print(errno.errorcode[error.errno])
print(os.path.exists('/rump/here'))
";

/// What goes over the network is sealed: children, and programs that are executed, come as clients of their own.
fn sealed() -> Check {
    let server = Server::start_sealed(&["rumpfs_tmpfs"])?;
    let script = format!(
        "mkdir /rump/d && (echo one; dash -c 'echo two'; exec dash -c 'echo three') > /rump/d/f && sort -r < /rump/d/f | cat
        exec {PYTHON} -c 'import os
if os.fork() == 0:
    os.write(os.open(\"/rump/d/f\", os.O_WRONLY | os.O_APPEND), b\"four\\n\")
    os._exit(0)
os.wait()
print(open(\"/rump/d/f\").read(), end=\"\")'"
    );
    let mut command = server.command(&["dash", "-c", &script])?;
    let finished = run_group_within(&mut command, PATIENCE)?;
    if (finished.status, &finished.stdout[..]) != (Some(0), b"two\nthree\none\none\ntwo\nthree\nfour\n") {
        return Err(format!("{}: {}", finished.verdict(), String::from_utf8_lossy(&finished.stdout)));
    }
    // Without the key, nobody is let in.
    let mut command = server.command(&["ls", "/rump/d"])?;
    let finished = run_group_within(command.env_remove("RUMP_SERVER_KEY"), PATIENCE)?;
    match (finished.status, finished.stdout.is_empty()) {
        (Some(2), true) => Ok(()),
        _ => Err(finished.verdict()),
    }
}

fn no_server() -> Check {
    let server = Server::start(&[])?;
    let mut command = server.command(&["ls", "/rump", "/rump/x"])?;
    server.end()?;
    let finished = run_group_within(&mut command, PATIENCE)?;
    match finished.stderr.matches("rumphijack: RUMP_SERVER: there is no server at").count() {
        1 if finished.status == Some(2) => Ok(()),
        _ => Err(finished.verdict()),
    }
}
