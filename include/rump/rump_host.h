/* Somebody else's host: callbacks that carry kernels where no POSIX is, or instead of it.
 *
 * Fill a structure, beginning with its size and version. Callbacks that are NULL are not there: what would need them answers
 * ENOSYS. Only the clocks are needed. Each callback gets `arg` first. Those that answer int answer 0 or an error number.
 * They may be called by any thread that calls the kernel, and by those that thread_start began, at the same time.
 *
 * Without thread_start the kernel has no threads: a call that waits does what is due meanwhile, and a program that waits for
 * nothing calls rump_host_poll now and then.
 *
 * A kernel that was destroyed lets go of the host when no thread is at it any more: files and ends are closed, events destroyed,
 * and threads end, soon after that. Until all of them have, callbacks are called, and what `arg` points to stays. */
#ifndef RUMP_RUMP_HOST_H
#define RUMP_RUMP_HOST_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RUMP_HOST_VERSION 1

struct rump_host {
	uint32_t size; /* sizeof(struct rump_host) */
	uint32_t version; /* RUMP_HOST_VERSION */
	void *arg;

	/* A line for people, without an end. */
	void (*console)(void *arg, const char *line, size_t length);

	/* The time since 1970, and nanoseconds since some time, which never go back. */
	void (*realtime)(void *arg, int64_t *sec, uint32_t *nsec);
	uint64_t (*monotonic)(void *arg);

	/* Bytes that nobody can foresee. */
	int (*random)(void *arg, void *buf, size_t length);

	/* The value of a parameter, such as RUMP_NCPU, of less than `size` bytes; ENOENT if it is not set. */
	int (*parameter)(void *arg, const char *name, char *value, size_t size);

	/* Files and devices by their paths: bytes at offsets, always below the size that was told. Opening a file for writing
	 * that cannot be written is EROFS, and it is then opened for reading. Without block_write, none can. */
	int (*block_open)(void *arg, const char *path, int for_writing, void **file, uint64_t *size);
	int (*block_read)(void *arg, void *file, uint64_t offset, void *buf, size_t length);
	int (*block_write)(void *arg, void *file, uint64_t offset, const void *buf, size_t length);
	int (*block_flush)(void *arg, void *file);
	void (*block_close)(void *arg, void *file);

	/* Ends of networks by their names: frames of Ethernet. Opening one tells our address on it, and the most bytes of IP in
	 * a frame, 68 to 65535. Receiving waits for `timeout` nanoseconds, or for ever if it is negative: EAGAIN when they are over.
	 * packet_wake ends the waiting that is, or the next one if none is. One thread receives at a time. A frame that is said to
	 * be longer than `size` is dropped. Sending does not wait: EAGAIN if there is no room, and the frame is lost. ENETDOWN says
	 * that the end is gone. What else sending answers is the frame's alone; what else receiving answers ends it: the console
	 * says so, and the interface hears nothing any more. Without thread_start, frames come when the kernel is driven. */
	int (*packet_open)(void *arg, const char *name, uint8_t address[6], uint32_t *mtu, void **end);
	int (*packet_receive)(void *arg, void *end, void *buf, size_t size, size_t *length, int64_t timeout);
	int (*packet_send)(void *arg, void *end, const void *frame, size_t length);
	void (*packet_wake)(void *arg, void *end);
	void (*packet_close)(void *arg, void *end);

	/* Lets nanoseconds pass. */
	void (*sleep)(void *arg, uint64_t nanoseconds);

	/* Runs body(of_body) once, on a thread of its own; if it answers an error, never. */
	int (*thread_start)(void *arg, const char *name, void (*body)(void *of_body), void *of_body);

	/* Flags that one thread waits for, for `timeout` nanoseconds or, if it is negative, for ever. Waiting clears the flag,
	 * and answers whether it was set. They belong to threads: all are there, or none is. event_create
	 * cannot fail. */
	void *(*event_create)(void *arg);
	void (*event_set)(void *arg, void *event);
	int (*event_wait)(void *arg, void *event, int64_t timeout);
	void (*event_destroy)(void *arg, void *event);
};

/**
 * Chooses the host of the classic kernel, and of kernels that are created without one; NULL is this process again. The
 * structure is copied.
 *
 * @returns 0, or an error number
 * @errors EBUSY (the classic kernel has booted), EINVAL (another version, no clocks, or callbacks that belong together and
 * are not all there)
 */
int rump_host_set(const struct rump_host *host);

/**
 * Does what threads of this thread's kernel would do: timers, protocols, frames that came, what is to be written. For hosts
 * without threads.
 *
 * @returns nanoseconds until there is something to do; -1 if nothing is known
 */
int64_t rump_host_poll(void);

#ifdef __cplusplus
}
#endif

#endif
