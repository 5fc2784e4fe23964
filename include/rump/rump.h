/* The classic calls of rump kernels: boot one, and what it is as a whole. */
#ifndef RUMP_RUMP_H
#define RUMP_RUMP_H

#include <rump/rumpdefs.h>

#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct lwp;

/**
 * Boots the classic kernel; once it is there, does nothing. The kernel has what is linked with the program; libraries that
 * are loaded later add to it. Without an lwp, calls of any thread are made in its process 1.
 *
 * @returns 0, or an error number
 * @errors ENOSYS (no host is linked, and none was chosen with rump_host_set), EINVAL (a parameter of the environment that is
 * none; the console names it)
 */
int rump_init(void);

/**
 * Lets clients come to the kernel of the thread, beside the calls that are made here: at `unix://path`, where only the user of the
 * process comes in, `tcp://address:port` or `tcp6://[address]:port`. Each client is a process of the kernel; threads of their own
 * make its calls, and its signals are raised there. Clients of the superuser, and those of the process's user, may do all, and so
 * halt the kernel. RUMP_SERVER_KEY in the environment names the file of the 32 bytes that clients over a network have to know.
 *
 * Called again, it lets clients come there, too. Sockets are taken away when the kernel is halted, here or by a client, and when the
 * process exits; one that a killed process left is replaced. Calls that wait answer ENXIO once the kernel is halted:
 * rump_sys_poll(NULL, 0, -1) waits for that. Programs have the code of servers if they call this, or link -lrumpkern_sysproxy. Why it
 * fails the console says in words.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or halted), EFAULT (null), EINVAL (no URL, or the key's file is none or may be read by others), EACCES (an
 * address that other machines reach, and there is no key; the socket may not be made), EADDRINUSE (somebody listens there),
 * EADDRNOTAVAIL (an address of another machine), ENAMETOOLONG (a path longer than sockets may have), ENOENT, ENOTDIR (the folder is
 * not there, or none), ENFILE (no descriptor is left), those of making sockets
 */
int rump_init_server(const char *url);

/**
 * Tells the version of the interface as NetBSD counts it: 1000000000, that of NetBSD 10.0.
 *
 * @returns the version
 */
int rump_getversion(void);
int rump_pub_getversion(void);

/**
 * Tells whether structures, flags and error numbers of calls are those of the host, which they are.
 *
 * @returns 1
 */
int rump_nativeabi_p(void);

/**
 * Tells what was said with rump_boot_sethowto.
 *
 * @returns RUMP_AB_* and RUMP_RB_*
 */
int rump_boot_gethowto(void);

/**
 * Says how kernels boot: with RUMP_AB_VERBOSE or RUMP_AB_DEBUG they tell on the console what they are made of, with
 * RUMP_AB_QUIET or RUMP_AB_SILENT they do not, and otherwise as the parameter RUMP_VERBOSE says. Other flags are kept, and
 * change nothing.
 */
void rump_boot_sethowto(int howto);

/* What becomes of signals, such as SIGPIPE and those of timers. */
enum rump_sigmodel {
	RUMP_SIGMODEL_PANIC,
	RUMP_SIGMODEL_IGNORE,
	RUMP_SIGMODEL__HOST_NOTANYMORE,
	RUMP_SIGMODEL_RAISE,
	RUMP_SIGMODEL_RECORD
};

/**
 * Says what becomes of signals in kernels that boot later: RUMP_SIGMODEL_RAISE, as it is at the beginning, raises the host's
 * signal of the same name in this process; RUMP_SIGMODEL_PANIC aborts it, RUMP_SIGMODEL_IGNORE drops the signal, and
 * RUMP_SIGMODEL_RECORD keeps it for its process, which takes it with rump_sys_sigtimedwait.
 *
 * Calls that wait in the process answer EINTR when a signal is raised that is kept, or that has a handler at the host; with
 * SA_RESTART only those that such a handler ends there. SIGPIPE and SIGXFSZ are the calling thread's, and end no call of another.
 */
void rump_boot_setsigmodel(enum rump_sigmodel model);

/* As what a file of the host appears. */
enum rump_etfs_type {
	RUMP_ETFS_REG,
	RUMP_ETFS_BLK,
	RUMP_ETFS_CHR,
	RUMP_ETFS_DIR,
	RUMP_ETFS_DIR_SUBDIRS
};

/* A size: to the end of the file. */
#define RUMP_ETFS_SIZE_ENDOFF ((uint64_t)-1)

/* What is registered at boot. The last two members are the kernel's. */
struct rump_boot_etfs {
	const char *eb_key;
	const char *eb_hostpath;
	enum rump_etfs_type eb_type;
	uint64_t eb_begin;
	uint64_t eb_size;
	struct rump_boot_etfs *_eb_next;
	int eb_status;
};

/**
 * Registers a file of the host when the classic kernel boots. The structure stays where it is until then. Its eb_status is -1
 * before, and then what rump_pub_etfs_register_withsize answers; EALREADY if the kernel had booted. Directories have no
 * range: eb_begin and eb_size say nothing.
 */
void rump_boot_etfs_register(struct rump_boot_etfs *registration);

/**
 * Shows a file of the host as `key`, an absolute path in the kernel: as a regular file, a device, a directory with the files
 * in it, or with all below it. It is opened for writing where the host allows that, and locked against others.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel), EFAULT (null), EINVAL (no such type), EINVAL (the key is no absolute path without `.` and
 * `..`), EEXIST (it is registered), those of opening the file: ENOENT, EISDIR, EBUSY (somebody has it for himself); ENOTDIR
 * (a directory that is none)
 */
int rump_pub_etfs_register(const char *key, const char *hostpath, enum rump_etfs_type type);

/**
 * Shows a part of a file of the host: `size` bytes from `begin` on, with RUMP_ETFS_SIZE_ENDOFF all that follow.
 *
 * @returns 0, or an error number
 * @errors as rump_pub_etfs_register; EINVAL (a directory, or the part ends beyond the file)
 */
int rump_pub_etfs_register_withsize(const char *key, const char *hostpath, enum rump_etfs_type type,
    uint64_t begin, uint64_t size);

/**
 * Takes away what was registered; files that are open go on working.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel), EFAULT (null), EINVAL (no text), ENOENT (nothing is registered as `key`)
 */
int rump_pub_etfs_remove(const char *key);

/**
 * Makes a process with one lwp, which the calling thread is from then on. It is a copy of the thread's process, with the
 * descriptors shared (RUMP_RFFD_SHARE: what one opens or closes, the other has or has not), copied (RUMP_RFFDG) or none
 * (RUMP_RFCFDG). The lwp that the thread was is nobody's.
 *
 * @returns 0, or an error number
 * @errors EINVAL (other flags), ENXIO (no kernel, or halted)
 */
int rump_pub_lwproc_rfork(int flags);

/**
 * Makes an lwp of the process `pid`, which the calling thread is from then on.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or halted), ESRCH (there is no such process)
 */
int rump_pub_lwproc_newlwp(pid_t pid);

/**
 * Lets the calling thread be another lwp; with NULL it is none, and its calls are made in process 1. The one that it was may
 * be taken by any thread. A thread that ends lets go of its lwp.
 *
 * @returns 0, or an error number (NetBSD has no answer, and panics)
 * @errors ENXIO (no kernel), EINVAL (there is no such lwp in the thread's kernel), EBUSY (another thread is it)
 */
int rump_pub_lwproc_switch(struct lwp *lwp);

/**
 * Ends the lwp that the calling thread is; the thread is none then. A process ends with its last lwp: its descriptors are
 * closed. Process 1 stays.
 *
 * @returns 0, or an error number (NetBSD has no answer, and panics)
 * @errors ESRCH (the thread is none, or one for the time between rump_schedule and rump_unschedule)
 */
int rump_pub_lwproc_releaselwp(void);

/**
 * Tells which lwp the calling thread is.
 *
 * @returns the lwp; NULL for none
 */
struct lwp *rump_pub_lwproc_curlwp(void);

/**
 * Lets a thread that is no lwp be one of process 1, until rump_unschedule. Calls need neither: they are here for programs
 * that have them.
 */
void rump_schedule(void);
void rump_unschedule(void);

/**
 * Writes what the kernel counted to its console, as a table: packets and connections of its protocols.
 */
void rump_printevcnts(void);

#define RUMP_DAEMONIZE_SUCCESS 0

/**
 * Goes to the background: the program goes on in a child, in a session of its own, and the parent waits for what
 * rump_daemonize_done says. To be called before a kernel boots and before threads begin.
 *
 * @returns 0, or an error number
 * @errors EALREADY (a kernel was booted, or it was called before), EMFILE (no descriptor is left), EAGAIN (no process can be
 * made)
 */
int rump_daemonize_begin(void);

/**
 * Lets the parent exit with a status; one that dies before lets it exit with 1. With RUMP_DAEMONIZE_SUCCESS the standard
 * streams are /dev/null from then on.
 *
 * @returns 0, or an error number
 * @errors EINVAL (rump_daemonize_begin was not called)
 */
int rump_daemonize_done(int status);

/**
 * Makes an interface at a bus of shared memory, `shmif0` or the next that is free. The bus is in the file `path`, which is
 * made if it is not there; with NULL the interface has no bus yet (rump_pub_netconfig_ifsetlinkstr). The number is stored
 * where `unit` points to, if it is not NULL.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or halted), EINVAL (librumpnet_shmif is not linked; the console says so), those of the file
 */
int rump_pub_shmif_create(const char *path, int *unit);

#ifdef __cplusplus
}
#endif

#endif
