/* System calls on sockets. Structures, constants and error numbers are the host's. */
#ifndef RUMP_SYS_SOCKET_H
#define RUMP_SYS_SOCKET_H

#include <sys/types.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

struct timespec;
struct mmsghdr;

/**
 * Makes a socket. The type may carry SOCK_NONBLOCK and SOCK_CLOEXEC. What sockets of AF_ROUTE read and write, and which numbers
 * families have there, is in rump/sys/route.h.
 *
 * @returns a descriptor; -1 and errno
 * @errors EAFNOSUPPORT (no such family, or its library is not linked), EINVAL (other flags), ESOCKTNOSUPPORT, EPROTONOSUPPORT,
 * EACCES (a raw socket, but for the superuser), EMFILE
 */
int rump_sys_socket(int family, int type, int protocol);

/**
 * Makes two sockets that are connected, and stores their descriptors.
 *
 * @returns 0; -1 and errno
 * @errors EFAULT (null), EAFNOSUPPORT, EINVAL (other flags), ESOCKTNOSUPPORT, EPROTONOSUPPORT, EOPNOTSUPP (the family has no
 * such thing), EMFILE
 */
int rump_sys_socketpair(int family, int type, int protocol, int sockets[2]);

/**
 * Gives a socket its name. A path of AF_UNIX becomes a node of the kernel's tree.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, EINVAL (a length that no address has), EFAULT (null), EAFNOSUPPORT, ENOTSOCK, EINVAL (it has a name),
 * EADDRINUSE, EADDRNOTAVAIL, EACCES, ENOENT, ENOTDIR, EROFS
 */
int rump_sys_bind(int socket, const struct sockaddr *address, socklen_t length);

/**
 * Connects a socket, or says whom its messages go to and come from. An address of AF_UNSPEC dissolves that.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, EINVAL (a length that no address has), EFAULT (null), EAFNOSUPPORT, ENOTSOCK, EISCONN, EALREADY, ECONNREFUSED,
 * EPROTOTYPE, EADDRNOTAVAIL, ENETUNREACH, ENOENT, ETIMEDOUT, EINPROGRESS (it does not block), EINTR
 */
int rump_sys_connect(int socket, const struct sockaddr *address, socklen_t length);

/**
 * Lets others connect; about so many wait to be accepted.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, ENOTSOCK, EOPNOTSUPP, EINVAL (it is connected, or of AF_UNIX without a name)
 */
int rump_sys_listen(int socket, int backlog);

/**
 * Takes a connection that came. The address of the other side is stored as far as it fits, unless it is null. accept4 takes
 * SOCK_NONBLOCK and SOCK_CLOEXEC for the new descriptor, and so does paccept, whose mask (sigset_t) is as that of
 * rump_sys_pollts.
 *
 * @returns a descriptor; -1 and errno
 * @errors EBADF, EINVAL (other flags), ENOTSOCK, EMFILE, EOPNOTSUPP, EINVAL (it does not listen), EAGAIN (it does not block),
 * ECONNABORTED, EFAULT (an address without a length), EINTR
 */
int rump_sys_accept(int socket, struct sockaddr *address, socklen_t *length);
int rump_sys_accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
int rump_sys_paccept(int socket, struct sockaddr *address, socklen_t *length, const void *mask, int flags);

/**
 * Ends one direction of a connection, or both: SHUT_RD, SHUT_WR, SHUT_RDWR.
 *
 * @returns 0; -1 and errno
 * @errors EINVAL (none of these), EBADF, ENOTSOCK, ENOTCONN
 */
int rump_sys_shutdown(int socket, int how);

/**
 * Tells the name of a socket as far as it fits, and its whole length.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, ENOTSOCK, EFAULT (null), EINVAL (a negative length)
 */
int rump_sys_getsockname(int socket, struct sockaddr *address, socklen_t *length);

/**
 * Tells the name of the other side as far as it fits, and its whole length.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, ENOTSOCK, ENOTCONN, EFAULT (null), EINVAL (a negative length)
 */
int rump_sys_getpeername(int socket, struct sockaddr *address, socklen_t *length);

/**
 * Changes an option, by the host's level, number and structure. docs/status.md lists those that there are.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, EINVAL (a negative length), EFAULT (null), ENOTSOCK, ENOPROTOOPT (none that is known, or that can be
 * changed), EINVAL (the value is too short, or none), EDOM (no time), ENOBUFS (too many groups)
 */
int rump_sys_setsockopt(int socket, int level, int name, const void *value, socklen_t length);

/**
 * Tells an option as far as it fits, and how long that is.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, ENOTSOCK, EFAULT (null), EINVAL (a negative length), ENOPROTOOPT
 */
int rump_sys_getsockopt(int socket, int level, int name, void *value, socklen_t *length);

/**
 * Sends bytes. On a stream it blocks until all are sent.
 *
 * @returns how many bytes were sent; -1 and errno
 * @errors EBADF, EFAULT (null), EINVAL (of to, a length that no address has), EAFNOSUPPORT (of to), ENOTSOCK,
 * EOPNOTSUPP, EPIPE, ENOTCONN, EDESTADDRREQ, EISCONN (of to), EMSGSIZE, ECONNRESET, ECONNREFUSED, ENETUNREACH, EAGAIN
 * (it does not block), EINTR
 */
ssize_t rump_sys_send(int socket, const void *bytes, size_t length, int flags);
ssize_t rump_sys_sendto(int socket, const void *bytes, size_t length, int flags, const struct sockaddr *to, socklen_t to_length);

/**
 * Sends the parts of a message, with its control data: SCM_RIGHTS with descriptors of the kernel, and what the host has of
 * IP_PKTINFO, IP_TTL, IP_TOS, IPV6_PKTINFO, IPV6_HOPLIMIT, IPV6_TCLASS, UDP_SEGMENT.
 *
 * @returns how many bytes were sent; -1 and errno
 * @errors EBADF (of the socket), EFAULT (null), EINVAL (control data that are none, or a length that no address has),
 * EAFNOSUPPORT, EMSGSIZE (more than 1024 parts), EBADF (of what is sent along), and those of rump_sys_send
 */
ssize_t rump_sys_sendmsg(int socket, const struct msghdr *message, int flags);

/**
 * Sends messages in order, 1024 at most, and stores how many bytes of each were sent. An error after the first only ends the
 * call.
 *
 * @returns how many messages were sent; -1 and errno
 * @errors those of rump_sys_sendmsg, of the first message
 */
int rump_sys_sendmmsg(int socket, struct mmsghdr *messages, unsigned int count, int flags);

/**
 * Receives bytes: of a stream what is there, with MSG_WAITALL all; else one message. recvfrom stores from whom, as far as it
 * fits, unless the address is null; the length is zero where nobody says.
 *
 * @returns how many bytes were received, with MSG_TRUNC how many the message had, 0 at the end of a stream; -1 and errno
 * @errors EBADF, EFAULT (null), ENOTSOCK, ENOTCONN, EOPNOTSUPP, ECONNRESET, EAGAIN (it does not block), EINTR
 */
ssize_t rump_sys_recv(int socket, void *bytes, size_t length, int flags);
ssize_t rump_sys_recvfrom(int socket, void *bytes, size_t length, int flags, struct sockaddr *from, socklen_t *from_length);

/**
 * Receives a message into parts, with its control data as far as they fit; MSG_CTRUNC in msg_flags tells that they did not.
 *
 * @returns how many bytes were received, with MSG_TRUNC how many the message had, 0 at the end of a stream; -1 and errno
 * @errors EBADF, EFAULT (null), EMSGSIZE (more than 1024 parts), and those of rump_sys_recv
 */
ssize_t rump_sys_recvmsg(int socket, struct msghdr *message, int flags);

/**
 * Receives messages in order, 1024 at most, and stores how long each is. It blocks for the first, with MSG_WAITFORONE, else for
 * all, and looks after each whether the time is over, unless it is null.
 *
 * @returns how many messages came; -1 and errno
 * @errors EBADF, EFAULT (null), EINVAL (no time), and those of rump_sys_recvmsg, of the first message
 */
int rump_sys_recvmmsg(int socket, struct mmsghdr *messages, unsigned int count, int flags, const struct timespec *timeout);

#ifdef __cplusplus
}
#endif

#endif
