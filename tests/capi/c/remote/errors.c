/* How rumpclient.h's calls fail. Links: rumpclient */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "far.h"

/* NetBSD's numbers. */
enum { NETBSD_OPEN = 5, NETBSD_GETPID = 20, FORKS = 16 };

static char program[] = "true";
static char *const WORDS[] = { program, NULL }, *const NOTHING[] = { NULL };

/* What every call says that nobody answers. */
static void
not_connected(void)
{
	int64_t values[2];

	RETURNS(rumpclient_syscall(NETBSD_GETPID, NULL, 0, values), ENOTCONN);
	FAILS_NULL(rumpclient_prefork(), ENOTCONN);
	FAILS(rumpclient_fork(), ENOTCONN);
	FAILS(rumpclient_vfork(), ENOTCONN);
	FAILS(rumpclient_daemon(1, 1), ENOTCONN);
}

static void
connecting(void)
{
	pid_t impostor;

	FAILS(rump_sys_getpid(), ENXIO);
	rumpclient_setconnretry(1);
	not_connected();
	FAILS(rumpclient_exec("/bin/true", WORDS, NOTHING), ENOTCONN);
	unsetenv("RUMP_SERVER");
	FAILS(rumpclient_init(), ENOENT);
	setenv("RUMP_SERVER", "http://localhost", 1);
	FAILS(rumpclient_init(), EINVAL);
	setenv("RUMP_SERVER", "tcp://127.0.0.1:1", 1);
	setenv("RUMP_SERVER_KEY", "/nowhere", 1);
	FAILS(rumpclient_init(), EINVAL);
	unsetenv("RUMP_SERVER_KEY");
	setenv("RUMP_SERVER", far_url, 1);
	FAILS(rumpclient_init(), ECONNREFUSED);
	impostor = far_impostor();
	FAILS(rumpclient_init(), EPROTONOSUPPORT);
	RETURNS(far_status(impostor), 0);
}

/* By its number, with arguments as NetBSD has them. */
static void
by_number(void)
{
	const uint64_t nothing[3] = { 0, 0, 0 };
	const char missing[] = "/missing";
	uint64_t open_missing[3] = { 0, 0, 0 };
	int64_t values[2] = { -1, -1 };

	open_missing[0] = (uint64_t)(uintptr_t)missing;
	RETURNS(rumpclient_syscall(NETBSD_GETPID, NULL, 0, values), 0);
	CHECK(values[0] == rump_sys_getpid());
	RETURNS(rumpclient_syscall(NETBSD_OPEN, open_missing, sizeof open_missing, values), ENOENT);
	RETURNS(rumpclient_syscall(NETBSD_OPEN, nothing, sizeof nothing, values), EFAULT);
	RETURNS(rumpclient_syscall(NETBSD_OPEN, NULL, sizeof nothing, values), EFAULT);
	RETURNS(rumpclient_syscall(NETBSD_GETPID, NULL, 0, NULL), EFAULT);
	RETURNS(rumpclient_syscall(-1, NULL, 0, values), ENOSYS);
}

/* Announces as many as may be; `is_done` takes them back. */
static void
announce(struct rumpclient_fork **children, int is_done)
{
	int at;

	for (at = 0; at < FORKS; at++) {
		if (is_done) {
			rumpclient_fork_cancel(children[at]);
		} else {
			children[at] = rumpclient_prefork();
			CHECK(children[at] != NULL);
		}
	}
}

static void
too_many_children(void)
{
	struct rumpclient_fork *children[FORKS];

	announce(children, 0);
	FAILS_NULL(rumpclient_prefork(), EAGAIN);
	FAILS(rumpclient_fork(), EAGAIN);
	FAILS(rumpclient_vfork(), EAGAIN);
	FAILS(rumpclient_daemon(1, 1), EAGAIN);
	announce(children, 1);
}

/* What a child finds that comes behind the server's back: the check is the child's, and its status says how it went. */
#define IN_CHILD(call, number)                                     \
	do {                                                       \
		pid_t pid = fork();                                \
		if (pid == 0) {                                    \
			check_failures = 0;                        \
			FAILS(call, number);                       \
			fflush(stdout);                            \
			_exit(check_failures);                     \
		}                                                  \
		RETURNS(far_status(pid), 0);                       \
	} while (0)

static void
strange_children(void)
{
	struct rumpclient_fork *child = rumpclient_prefork();
	pid_t impostor;

	CHECK(child != NULL);
	/* It begins once. */
	IN_CHILD(rumpclient_fork_init(child) == 0 ? rumpclient_fork_init(child) : -2, ESRCH);
	far_kill();
	IN_CHILD(rumpclient_fork_init(child), ECONNREFUSED);
	impostor = far_impostor();
	IN_CHILD(rumpclient_fork_init(child), EPROTONOSUPPORT);
	RETURNS(far_status(impostor), 0);
	not_connected();
	FAILS(rump_sys_getpid(), ENOTCONN);
	rumpclient_fork_cancel(child);
}

/* In a program of its own, as one connects once. */
static int
with_keys(void)
{
	struct rumpclient_fork *child, *children[FORKS];
	char key_file[64], other_key[64];

	far_over_network();
	far_make_key(key_file, "key", 1);
	far_make_key(other_key, "other", 2);
	setenv("RUMP_SERVER_KEY", key_file, 1);
	far_start(far_url);
	setenv("RUMP_SERVER_KEY", other_key, 1);
	FAILS(rumpclient_init(), EACCES);
	setenv("RUMP_SERVER_KEY", key_file, 1);
	RETURNS(rumpclient_init(), 0);
	announce(children, 0);
	FAILS(rumpclient_exec("/bin/true", WORDS, NOTHING), EAGAIN);
	announce(children, 1);
	CHECK((child = rumpclient_prefork()) != NULL);
	far_kill();
	setenv("RUMP_SERVER_KEY", other_key, 1);
	far_start(far_url);
	IN_CHILD(rumpclient_fork_init(child), EACCES);
	rumpclient_fork_cancel(child);
	far_kill();
	unlink(key_file);
	unlink(other_key);
	fflush(stdout);
	return check_failures;
}

int
main(void)
{
	pid_t pid;

	far_begin();
	connecting();
	pid = fork();
	if (pid == 0)
		_exit(with_keys());
	RETURNS(far_status(pid), 0);
	far_start(far_url);
	RETURNS(rumpclient_init(), 0);
	RETURNS(rumpclient_init(), 0);
	by_number();
	FAILS(rumpclient_exec("/nowhere", WORDS, NOTHING), ENOENT);
	FAILS(rumpclient_exec(NULL, WORDS, NOTHING), EFAULT);
	CHECK(rump_sys_getpid() > 1);
	too_many_children();
	strange_children();
	return far_end();
}
