/* Programs whose kernel is a server's: every rump_sys_* goes to the server of the environment's RUMP_SERVER, where the program
 * is a process. Link -lrumpclient instead of -lrump and components; structures, flags and error numbers are the host's. Until
 * rumpclient_init has connected, system calls answer ENXIO, and the calls here ENOTCONN.
 *
 * Where the server wants a key to be known (tcp:// and tcp6:// beyond this host), RUMP_SERVER_KEY names the file of 32 bytes that
 * has it. Threads may call at the same time. When the server goes, so does what it knew of the program: calls answer ENOTCONN, or
 * what rumpclient_setconnretry says. Signals of the kernel are raised in the program. A signal's handler makes no rump_sys_* itself:
 * the thread that it interrupts may be in the middle of one. */
#ifndef RUMP_RUMP_RUMPCLIENT_H
#define RUMP_RUMP_RUMPCLIENT_H

#include <sys/types.h>

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Connects, unless the program is connected. One that rumpclient_exec executed goes on as the process that it was.
 *
 * @returns 0; -1 and errno
 * @errors ENOENT (RUMP_SERVER is not set), EINVAL (it is no URL, or the key's file no key), ECONNREFUSED (there is no server, or it
 * does not let us in), EACCES (it does not know the key), EPROTONOSUPPORT (what is there is no server of system calls)
 */
int rumpclient_init(void);

/**
 * Makes a call by NetBSD's number, with its arguments as NetBSD for amd64 has them: each in 64 bits, structures, flags and error
 * numbers NetBSD's. The server reads and changes memory that they name.
 *
 * @returns 0, and the call's two values in retval; an error number of the host
 * @errors ENOTCONN (the server has gone), ENOSYS (there is no such call), EFAULT, those of the call
 */
int rumpclient_syscall(int number, const void *args, size_t length, int64_t *retval);

struct rumpclient_fork;

/**
 * Announces a child, which begins with a copy of the process's descriptors as they are now.
 *
 * @returns what rumpclient_fork_init, rumpclient_fork_cancel and rumpclient_fork_vparent want; NULL and errno
 * @errors ENOTCONN (the server has gone), EAGAIN (too many are announced), EIO
 */
struct rumpclient_fork *rumpclient_prefork(void);

/**
 * Connects a child, behind fork(2) or vfork(2), as what its parent announced.
 *
 * @returns 0; -1 and errno, and then the child is no client
 * @errors ECONNREFUSED, EACCES, EPROTONOSUPPORT, ESRCH (nobody announced it, or it came too late)
 */
int rumpclient_fork_init(struct rumpclient_fork *child);

/**
 * Tells, in the parent, that there will be no child.
 */
void rumpclient_fork_cancel(struct rumpclient_fork *child);

/**
 * Lets the parent be itself again behind a vfork(2) whose child connected. What the child had of its connection, some 17 KiB, stays
 * in the memory that they shared.
 */
void rumpclient_fork_vparent(struct rumpclient_fork *child);

/**
 * Forks, with rumpclient_prefork and rumpclient_fork_init.
 *
 * @returns as fork(2); a child that could not connect is no client
 * @errors those of rumpclient_prefork and of fork(2)
 */
pid_t rumpclient_fork(void);

/**
 * Does the same: a child that shared memory could not be another client.
 *
 * @returns as rumpclient_fork
 * @errors as rumpclient_fork
 */
pid_t rumpclient_vfork(void);

/**
 * Executes a program, which is the same process if it is a client as well: descriptors stay open, but those that are to be closed.
 * Where messages are sealed, it is a child of the process. If the server has gone, it is a fresh one.
 *
 * @returns -1 and errno
 * @errors ENOTCONN (rumpclient_init has not connected), EAGAIN (too many are announced, where messages are sealed), EFAULT (path is null), those of
 * execve(2)
 */
int rumpclient_exec(const char *path, char *const argv[], char *const envp[]);

/**
 * Goes to the background, as daemon(3) does.
 *
 * @returns 0; -1 and errno
 * @errors those of rumpclient_prefork, of daemon(3) and of rumpclient_fork_init
 */
int rumpclient_daemon(int nochdir, int noclose);

#define RUMPCLIENT_RETRYCONN_INFTIME ((time_t)-1) /* until there is a server */
#define RUMPCLIENT_RETRYCONN_ONCE ((time_t)-2)
#define RUMPCLIENT_RETRYCONN_DIE ((time_t)-3) /* the program ends */

/**
 * Says what becomes of calls when the server has gone: seconds for which it is looked for, or one of the constants above; 0,
 * which holds at the beginning, lets them fail with ENOTCONN. The process that is found is a fresh one. A child and a program that is executed
 * begin with what their parent has, and with 0.
 */
void rumpclient_setconnretry(time_t seconds);

#ifdef __cplusplus
}
#endif

#endif
