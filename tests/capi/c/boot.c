/* Booting, and the kernel as a whole. */
#include <rump/rump.h>
#include <rump/rump_syscalls.h>
#include <rump/rumperr.h>

#include "check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile sig_atomic_t pipes;

static void
on_pipe(int number)
{
	(void)number;
	pipes++;
}

static void
errors(void)
{
	CHECK(strcmp(rump_strerror(0), "no error") == 0);
	CHECK(strcmp(rump_strerror(ENOENT), "no such file or directory") == 0);
	CHECK(strcmp(rump_strerror(12345), "unknown error") == 0);
	CHECK(rump_strerror(EIO) == rump_strerror(EIO));
}

/* The parent exits with what the child says. */
static void
daemons(void)
{
	const int wanted[] = { 0, 7, -1 };
	struct rlimit all, few;
	size_t i;

	CHECK(getrlimit(RLIMIT_NOFILE, &all) == 0);
	few = all;
	few.rlim_cur = 3;
	CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
	RETURNS(rump_daemonize_begin(), EMFILE);
	CHECK(setrlimit(RLIMIT_NOFILE, &all) == 0);
	RETURNS(rump_daemonize_done(0), EINVAL);
	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int status = -1;
		pid_t pid = fork();

		if (pid == 0) {
			if (rump_daemonize_begin() != 0)
				_exit(99);
			if (rump_daemonize_begin() != EALREADY)
				rump_daemonize_done(98);
			if (wanted[i] < 0)
				_exit(0);
			if (getsid(0) != getpid())
				rump_daemonize_done(97);
			if (rump_init() != 0)
				rump_daemonize_done(96);
			rump_daemonize_done(wanted[i]);
			_exit(0);
		}
		CHECK(waitpid(pid, &status, 0) == pid);
		CHECK(WIFEXITED(status));
		RETURNS(WEXITSTATUS(status), wanted[i] < 0 ? 1 : wanted[i]);
	}
}

/* The console, which is the standard error, names the parameter. */
static void
wrong_parameter(void)
{
	FILE *console = tmpfile();
	int before = dup(STDERR_FILENO);
	char line[256] = "";

	CHECK(console != NULL && before >= 0 && dup2(fileno(console), STDERR_FILENO) >= 0);
	RETURNS(setenv("RUMP_NCPU", "none", 1), 0);
	RETURNS(rump_init(), EINVAL);
	CHECK(dup2(before, STDERR_FILENO) >= 0 && close(before) == 0);
	rewind(console);
	CHECK(fgets(line, sizeof(line), console) != NULL && strstr(line, "RUMP_NCPU") != NULL);
	fclose(console);
}

static void
parameters(void)
{
	wrong_parameter();
	RETURNS(setenv("RUMP_NCPU", "2", 1), 0);
}

int
main(void)
{
	struct rump_boot_etfs good, bad, late;
	char path[] = "/tmp/rump-boot-XXXXXX", byte;
	int host, ends[2];

	errors();
	daemons();
	parameters();
	FAILS(rump_sys_getpid(), ENXIO);

	host = mkstemp(path);
	CHECK(host >= 0);
	RETURNS(write(host, "0123456789", 10), 10);
	memset(&good, 0, sizeof(good));
	good.eb_key = "/dev/part";
	good.eb_hostpath = path;
	good.eb_type = RUMP_ETFS_BLK;
	good.eb_begin = 3;
	good.eb_size = 4;
	bad = good;
	bad.eb_key = "/bad";
	bad.eb_hostpath = "/nowhere/at/all";
	late = good;
	rump_boot_etfs_register(&good);
	rump_boot_etfs_register(&bad);
	RETURNS(good.eb_status, -1);

	RETURNS(rump_boot_gethowto(), RUMP_AB_NORMAL);
	rump_boot_sethowto(RUMP_AB_QUIET);
	RETURNS(rump_boot_gethowto(), RUMP_AB_QUIET);
	rump_boot_setsigmodel(RUMP_SIGMODEL_RAISE);
	RETURNS(rump_init(), 0);
	RETURNS(rump_init(), 0);
	RETURNS(good.eb_status, 0);
	RETURNS(bad.eb_status, ENOENT);
	rump_boot_etfs_register(&late);
	RETURNS(late.eb_status, EALREADY);
	host = rump_sys_open("/dev/part", 0);
	CHECK(host >= 0);
	RETURNS(rump_sys_read(host, &byte, 1), 1);
	RETURNS(byte, '3');
	RETURNS(rump_sys_close(host), 0);

	RETURNS(rump_daemonize_begin(), EALREADY);
	RETURNS(rump_getversion(), 1000000000);
	RETURNS(rump_pub_getversion(), rump_getversion());
	RETURNS(rump_nativeabi_p(), 1);
	rump_printevcnts();

	/* A signal of the kernel is one of this process. */
	CHECK(signal(SIGPIPE, on_pipe) != SIG_ERR);
	RETURNS(rump_sys_pipe2(ends, 0), 0);
	RETURNS(rump_sys_close(ends[0]), 0);
	FAILS(rump_sys_write(ends[1], "x", 1), EPIPE);
	RETURNS(pipes, 1);

	unlink(path);
	return checked();
}
