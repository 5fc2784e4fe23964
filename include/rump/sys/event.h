/*
 * Queues of events. Hosts may have none, so the structure and its constants are here, under NetBSD's names and with its
 * numbers; where <sys/event.h> was included before, constants of that header stay, and struct rump_kevent is the structure.
 */
#ifndef RUMP_SYS_EVENT_H
#define RUMP_SYS_EVENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;

/* An event, or a change of what is reported. */
struct rump_kevent {
	uintptr_t ident;	/* a descriptor, or a number of one's choice */
	uint32_t filter;	/* EVFILT_ */
	uint32_t flags;		/* EV_ */
	uint32_t fflags;	/* NOTE_ */
	int64_t data;		/* what the filter measures */
	intptr_t udata;		/* one's own */
};

#define RUMP_EVFILT_READ 0U
#define RUMP_EVFILT_WRITE 1U
#define RUMP_EVFILT_TIMER 6U
#define RUMP_EVFILT_USER 8U

#define RUMP_EV_ADD 0x0001U
#define RUMP_EV_DELETE 0x0002U
#define RUMP_EV_ENABLE 0x0004U
#define RUMP_EV_DISABLE 0x0008U
#define RUMP_EV_ONESHOT 0x0010U
#define RUMP_EV_CLEAR 0x0020U
#define RUMP_EV_RECEIPT 0x0040U
#define RUMP_EV_DISPATCH 0x0080U
#define RUMP_EV_ERROR 0x4000U
#define RUMP_EV_EOF 0x8000U

#define RUMP_NOTE_LOWAT 0x1U
#define RUMP_NOTE_MSECONDS 0U
#define RUMP_NOTE_SECONDS 1U
#define RUMP_NOTE_USECONDS 2U
#define RUMP_NOTE_NSECONDS 3U
#define RUMP_NOTE_TRIGGER 0x01000000U
#define RUMP_NOTE_FFAND 0x40000000U
#define RUMP_NOTE_FFOR 0x80000000U
#define RUMP_NOTE_FFCOPY 0xc0000000U

/* The usual names, where the host has none. */
#ifndef EV_ADD
#define kevent rump_kevent
#define EVFILT_READ RUMP_EVFILT_READ
#define EVFILT_WRITE RUMP_EVFILT_WRITE
#define EVFILT_TIMER RUMP_EVFILT_TIMER
#define EVFILT_USER RUMP_EVFILT_USER
#define EV_ADD RUMP_EV_ADD
#define EV_DELETE RUMP_EV_DELETE
#define EV_ENABLE RUMP_EV_ENABLE
#define EV_DISABLE RUMP_EV_DISABLE
#define EV_ONESHOT RUMP_EV_ONESHOT
#define EV_CLEAR RUMP_EV_CLEAR
#define EV_RECEIPT RUMP_EV_RECEIPT
#define EV_DISPATCH RUMP_EV_DISPATCH
#define EV_ERROR RUMP_EV_ERROR
#define EV_EOF RUMP_EV_EOF
#define NOTE_LOWAT RUMP_NOTE_LOWAT
#define NOTE_MSECONDS RUMP_NOTE_MSECONDS
#define NOTE_SECONDS RUMP_NOTE_SECONDS
#define NOTE_USECONDS RUMP_NOTE_USECONDS
#define NOTE_NSECONDS RUMP_NOTE_NSECONDS
#define NOTE_TRIGGER RUMP_NOTE_TRIGGER
#define NOTE_FFAND RUMP_NOTE_FFAND
#define NOTE_FFOR RUMP_NOTE_FFOR
#define NOTE_FFCOPY RUMP_NOTE_FFCOPY
#define EV_SET(place, the_ident, the_filter, the_flags, the_fflags, the_data, the_udata) do {	\
	struct rump_kevent *rump_place_ = (place);						\
	rump_place_->ident = (uintptr_t)(the_ident);						\
	rump_place_->filter = (the_filter);							\
	rump_place_->flags = (the_flags);							\
	rump_place_->fflags = (the_fflags);							\
	rump_place_->data = (the_data);								\
	rump_place_->udata = (intptr_t)(the_udata);						\
} while (0)
#endif

/**
 * Makes a queue of events. kqueue1 takes O_CLOEXEC and O_NONBLOCK.
 *
 * @returns a descriptor; -1 and errno
 * @errors EINVAL (of flags that are not known), EMFILE
 */
int rump_sys_kqueue(void);
int rump_sys_kqueue1(int flags);

/**
 * Does changes, and tells events as far as there is room, for which it waits for a time, or for ever if that is null. A change
 * that failed, or was made with EV_RECEIPT, is told as an event with EV_ERROR and the error number in data; then nothing is
 * waited for.
 *
 * @returns how many events there are; -1 and errno
 * @errors EBADF (no queue), EINVAL (too many changes), EFAULT (null), EINVAL (no time, or no filter that is known), those of
 * changes where there is no room to tell: EBADF, EINVAL, ENOENT, ENOMEM; EINTR
 */
int rump_sys_kevent(int queue, const struct rump_kevent *changes, size_t change_count, struct rump_kevent *events,
    size_t room, const struct timespec *timeout);

#ifdef __cplusplus
}
#endif

#endif
