/* Sockets: the same calls are made at the kernel and at the host, and have to answer the same. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

/* The calls of one side. */
struct side {
	const char *name;
	int (*socket)(int, int, int);
	int (*socketpair)(int, int, int, int *);
	int (*bind)(int, const struct sockaddr *, socklen_t);
	int (*connect)(int, const struct sockaddr *, socklen_t);
	int (*listen)(int, int);
	int (*accept)(int, struct sockaddr *, socklen_t *);
	int (*shutdown)(int, int);
	int (*getsockname)(int, struct sockaddr *, socklen_t *);
	int (*getpeername)(int, struct sockaddr *, socklen_t *);
	int (*setsockopt)(int, int, int, const void *, socklen_t);
	int (*getsockopt)(int, int, int, void *, socklen_t *);
	ssize_t (*send)(int, const void *, size_t, int);
	ssize_t (*sendto)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);
	ssize_t (*sendmsg)(int, const struct msghdr *, int);
	ssize_t (*recv)(int, void *, size_t, int);
	ssize_t (*recvfrom)(int, void *, size_t, int, struct sockaddr *, socklen_t *);
	ssize_t (*recvmsg)(int, struct msghdr *, int);
	int (*close)(int);
	int (*accept4)(int, struct sockaddr *, socklen_t *, int);
	int (*sendmmsg)(int, struct mmsghdr *, unsigned int, int);
	int (*recvmmsg)(int, struct mmsghdr *, unsigned int, int, struct timespec *);
	int (*fcntl)(int, int, ...);
};

static int
host_bind(int s, const struct sockaddr *a, socklen_t n)
{
	return bind(s, a, n);
}

static int
host_connect(int s, const struct sockaddr *a, socklen_t n)
{
	return connect(s, a, n);
}

static int
host_accept(int s, struct sockaddr *a, socklen_t *n)
{
	return accept(s, a, n);
}

static int
host_getsockname(int s, struct sockaddr *a, socklen_t *n)
{
	return getsockname(s, a, n);
}

static int
host_getpeername(int s, struct sockaddr *a, socklen_t *n)
{
	return getpeername(s, a, n);
}

static ssize_t
host_sendto(int s, const void *b, size_t l, int f, const struct sockaddr *a, socklen_t n)
{
	return sendto(s, b, l, f, a, n);
}

static ssize_t
host_recvfrom(int s, void *b, size_t l, int f, struct sockaddr *a, socklen_t *n)
{
	return recvfrom(s, b, l, f, a, n);
}

static int
host_accept4(int s, struct sockaddr *a, socklen_t *n, int f)
{
	return accept4(s, a, n, f);
}

static int
host_sendmmsg(int s, struct mmsghdr *m, unsigned int c, int f)
{
	return sendmmsg(s, m, c, f);
}

static int
host_recvmmsg(int s, struct mmsghdr *m, unsigned int c, int f, struct timespec *t)
{
	return recvmmsg(s, m, c, f, t);
}

static int
kernel_recvmmsg(int s, struct mmsghdr *m, unsigned int c, int f, struct timespec *t)
{
	return rump_sys_recvmmsg(s, m, c, f, t);
}

static const struct side kernel = {
	"kernel", rump_sys_socket, rump_sys_socketpair, rump_sys_bind, rump_sys_connect, rump_sys_listen, rump_sys_accept,
	rump_sys_shutdown, rump_sys_getsockname, rump_sys_getpeername, rump_sys_setsockopt, rump_sys_getsockopt, rump_sys_send,
	rump_sys_sendto, rump_sys_sendmsg, rump_sys_recv, rump_sys_recvfrom, rump_sys_recvmsg, rump_sys_close,
	rump_sys_accept4, rump_sys_sendmmsg, kernel_recvmmsg, rump_sys_fcntl,
};
static const struct side host = {
	"host", socket, socketpair, host_bind, host_connect, listen, host_accept, shutdown, host_getsockname, host_getpeername,
	setsockopt, getsockopt, send, host_sendto, sendmsg, recv, host_recvfrom, recvmsg, close, host_accept4, host_sendmmsg, host_recvmmsg, fcntl,
};

/* What one side answered, in order. */
#define MOST 512
struct answer {
	const char *what;
	int line;
	long value;
	int error;
};
static struct answer answers[2][MOST];
static int counts[2];
static int at_host;

static long
note_(const char *what, int line, long value)
{
	struct answer *to;

	CHECK(counts[at_host] < MOST);
	to = &answers[at_host][counts[at_host]++];
	to->what = what;
	to->line = line;
	to->value = value;
	to->error = value == -1 ? errno : 0;
	return value;
}
#define NOTE(call) note_(#call, __LINE__, (long)(call))
/* A descriptor: that there is one counts. */
#define OPENED(to, call) do { (to) = (call); (void)note_(#call, __LINE__, (to) < 0 ? -1 : 1); } while (0)

/* One part more than a message may have; each has no bytes. */
static struct iovec too_many[1025];

static struct sockaddr *
loopback(struct sockaddr_in *to, in_port_t port)
{
	memset(to, 0, sizeof(*to));
	to->sin_family = AF_INET;
	to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to->sin_port = port;
	return (struct sockaddr *)to;
}

/* A listener at a port that was free, and the port. */
static int
listener(const struct side *side, in_port_t *port)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int s;

	OPENED(s, side->socket(AF_INET, SOCK_STREAM, 0));
	NOTE(side->bind(s, loopback(&address, 0), sizeof(address)));
	NOTE(side->listen(s, 5));
	NOTE(side->getsockname(s, (struct sockaddr *)&address, &length));
	note_("length of a name", __LINE__, (long)length);
	note_("family of a name", __LINE__, address.sin_family);
	note_("address of a name", __LINE__, (long)ntohl(address.sin_addr.s_addr));
	*port = address.sin_port;
	return s;
}

static void
streams(const struct side *side)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	in_port_t port;
	int server, client, peer, on = 1, value = 0;
	char buffer[64];
	struct tcp_info info;

	server = listener(side, &port);
	OPENED(client, side->socket(AF_INET, SOCK_STREAM, 0));
	NOTE(side->getpeername(client, (struct sockaddr *)&address, &length));
	NOTE(side->recv(client, buffer, 1, MSG_DONTWAIT));
	NOTE(side->connect(client, loopback(&address, port), 3));
	NOTE(side->connect(client, loopback(&address, port), sizeof(address)));
	NOTE(side->connect(client, loopback(&address, port), sizeof(address)));
	length = 0;
	OPENED(peer, side->accept(server, (struct sockaddr *)&address, &length));
	note_("whole length of a name", __LINE__, (long)length);
	NOTE(side->setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)));
	length = sizeof(value);
	NOTE(side->getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, &length));
	note_("nodelay", __LINE__, value != 0);
	note_("length of nodelay", __LINE__, (long)length);
	length = sizeof(value);
	NOTE(side->getsockopt(client, SOL_SOCKET, SO_TYPE, &value, &length));
	note_("type", __LINE__, value);
	length = sizeof(value);
	NOTE(side->getsockopt(server, SOL_SOCKET, SO_ACCEPTCONN, &value, &length));
	note_("listens", __LINE__, value);
	NOTE(side->setsockopt(client, SOL_SOCKET, SO_KEEPALIVE, &on, 1));
	NOTE(side->setsockopt(client, 12345, 1, &on, sizeof(on)));
	NOTE(side->getsockopt(client, SOL_SOCKET, 12345, &value, &length));
	NOTE(side->send(client, "hello", 5, 0));
	NOTE(side->recv(peer, buffer, 3, MSG_WAITALL));
	NOTE(side->recv(peer, buffer, sizeof(buffer), MSG_PEEK));
	NOTE(side->recv(peer, buffer, sizeof(buffer), 0));
	note_("content", __LINE__, memcmp(buffer, "lo", 2) == 0);
	NOTE(side->recv(peer, buffer, sizeof(buffer), MSG_DONTWAIT));
	memset(&info, 0xff, sizeof(info));
	length = sizeof(info);
	NOTE(side->getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &length));
	note_("state", __LINE__, info.tcpi_state);
	NOTE(side->shutdown(client, 17));
	NOTE(side->shutdown(client, SHUT_WR));
	NOTE(side->recv(peer, buffer, sizeof(buffer), 0));
	NOTE(side->send(client, "x", 1, MSG_NOSIGNAL));
	NOTE(side->close(client));
	NOTE(side->close(peer));
	NOTE(side->close(server));
	OPENED(client, side->socket(AF_INET, SOCK_STREAM, 0));
	NOTE(side->connect(client, loopback(&address, port), sizeof(address)));
	NOTE(side->shutdown(client, SHUT_RD));
	NOTE(side->close(client));
}

static void
datagrams(const struct side *side)
{
	struct sockaddr_in address, from;
	struct timeval time = { 0, 20000 }, wrong = { 0, 2000000 };
	socklen_t length = sizeof(address);
	int a, b, on = 1;
	char buffer[8], control[256], part[4];
	struct iovec parts[2];
	struct msghdr message;
	struct cmsghdr *header;

	OPENED(a, side->socket(AF_INET, SOCK_DGRAM, 0));
	OPENED(b, side->socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
	NOTE(side->bind(a, loopback(&address, 0), sizeof(address)));
	NOTE(side->bind(a, loopback(&address, 0), sizeof(address)));
	NOTE(side->getsockname(a, (struct sockaddr *)&address, &length));
	NOTE(side->send(b, "x", 1, 0));
	NOTE(side->recv(b, buffer, 1, 0));
	NOTE(side->sendto(b, "0123456789", 10, 0, (struct sockaddr *)&address, sizeof(address)));
	length = sizeof(from);
	NOTE(side->recvfrom(a, buffer, sizeof(buffer), MSG_TRUNC | MSG_PEEK, (struct sockaddr *)&from, &length));
	note_("from", __LINE__, (long)ntohl(from.sin_addr.s_addr));
	note_("length of from", __LINE__, (long)length);
	NOTE(side->setsockopt(a, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)));
	NOTE(side->setsockopt(a, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)));
	NOTE(side->recv(a, buffer, sizeof(buffer), 0));
	parts[0].iov_base = part;
	parts[0].iov_len = 2;
	parts[1].iov_base = buffer;
	parts[1].iov_len = sizeof(buffer);
	memset(&message, 0, sizeof(message));
	message.msg_name = &address;
	message.msg_namelen = sizeof(address);
	message.msg_iov = parts;
	message.msg_iovlen = 2;
	memcpy(part, "ab", 2);
	memcpy(buffer, "cdefghij", 8);
	NOTE(side->sendmsg(b, &message, 0));
	message.msg_name = &from;
	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	NOTE(side->recvmsg(a, &message, 0));
	note_("flags", __LINE__, message.msg_flags);
	note_("length of the name", __LINE__, (long)message.msg_namelen);
	for (header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
		if (header->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;
			memcpy(&info, CMSG_DATA(header), sizeof(info));
			note_("length of packet info", __LINE__, (long)header->cmsg_len);
			note_("to", __LINE__, (long)ntohl(info.ipi_addr.s_addr));
		} else {
			int ttl;
			memcpy(&ttl, CMSG_DATA(header), sizeof(ttl));
			note_("level of ttl", __LINE__, header->cmsg_level);
			note_("type of ttl", __LINE__, header->cmsg_type);
			note_("ttl", __LINE__, ttl);
		}
	}
	NOTE(side->setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &wrong, sizeof(wrong)));
	NOTE(side->setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &time, 3));
	NOTE(side->setsockopt(a, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
	NOTE(side->recv(a, buffer, sizeof(buffer), 0));
	message.msg_iov = too_many;
	message.msg_iovlen = 1025;
	NOTE(side->recvmsg(a, &message, MSG_DONTWAIT));
	NOTE(side->listen(a, 1));
	OPENED(on, side->accept(a, NULL, NULL));
	NOTE(side->close(a));
	NOTE(side->close(b));
	NOTE(side->recv(b, buffer, 1, 0));
	NOTE(side->send(b, buffer, 1, 0));
}

static void
pairs(const struct side *side)
{
	int pair[2], wrong[2], passed, other;
	char byte = 0, control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { &byte, 1 };
	struct msghdr message;
	struct cmsghdr *header;
	struct sockaddr_un name;
	socklen_t length = sizeof(name);

	NOTE(side->socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	NOTE(side->socketpair(AF_INET, SOCK_STREAM, 0, wrong));
	NOTE(side->socketpair(AF_UNIX, 9, 0, wrong));
	NOTE(side->socket(99, SOCK_STREAM, 0));
	NOTE(side->getsockname(pair[0], (struct sockaddr *)&name, &length));
	note_("length of no name", __LINE__, (long)length);
	OPENED(passed, side->socket(AF_UNIX, SOCK_DGRAM, 0));
	memset(&message, 0, sizeof(message));
	memset(control, 0, sizeof(control));
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	message.msg_control = control;
	message.msg_controllen = sizeof(control);
	header = CMSG_FIRSTHDR(&message);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &passed, sizeof(int));
	NOTE(side->sendmsg(pair[0], &message, 0));
	NOTE(side->sendmsg(pair[0], &message, 0));
	passed = 4000;
	memcpy(CMSG_DATA(header), &passed, sizeof(int));
	NOTE(side->sendmsg(pair[0], &message, 0));
	message.msg_controllen = sizeof(control);
	NOTE(side->recvmsg(pair[1], &message, 0));
	note_("flags", __LINE__, message.msg_flags);
	header = CMSG_FIRSTHDR(&message);
	note_("rights came", __LINE__, header != NULL && header->cmsg_type == SCM_RIGHTS);
	if (header != NULL) {
		memcpy(&other, CMSG_DATA(header), sizeof(int));
		NOTE(side->close(other));
	}
	/* No room for those of the second. */
	message.msg_control = NULL;
	message.msg_controllen = 0;
	NOTE(side->recvmsg(pair[1], &message, 0));
	note_("flags", __LINE__, message.msg_flags);
	NOTE(side->close(pair[0]));
	NOTE(side->recv(pair[1], &byte, 1, 0));
	NOTE(side->send(pair[1], &byte, 1, MSG_NOSIGNAL));
	NOTE(side->close(pair[1]));
}

static void
abstract(const struct side *side)
{
	struct sockaddr_un name;
	socklen_t length = (socklen_t)offsetof(struct sockaddr_un, sun_path) + 12;
	int a, b;

	memset(&name, 0, sizeof(name));
	name.sun_family = AF_UNIX;
	memcpy(name.sun_path + 1, "rump-test-1", 11);
	OPENED(a, side->socket(AF_UNIX, SOCK_DGRAM, 0));
	OPENED(b, side->socket(AF_UNIX, SOCK_DGRAM, 0));
	NOTE(side->connect(b, (struct sockaddr *)&name, length));
	NOTE(side->bind(a, (struct sockaddr *)&name, length));
	NOTE(side->bind(b, (struct sockaddr *)&name, length));
	NOTE(side->connect(b, (struct sockaddr *)&name, length));
	length = sizeof(name);
	NOTE(side->getpeername(b, (struct sockaddr *)&name, &length));
	note_("length of an abstract name", __LINE__, (long)length);
	NOTE(side->close(a));
	NOTE(side->close(b));
}

/* Many messages at once, whole and in parts. */
static void
many(const struct side *side)
{
	struct sockaddr_in address, from[4];
	struct mmsghdr messages[4];
	struct iovec parts[4], two[2];
	struct timespec soon = { 0, 20000000 }, wrong = { 0, -1 };
	socklen_t length = sizeof(address);
	char buffers[4][8], first[2];
	int a, b, at;

	OPENED(a, side->socket(AF_INET, SOCK_DGRAM, 0));
	OPENED(b, side->socket(AF_INET, SOCK_DGRAM, 0));
	NOTE(side->bind(a, loopback(&address, 0), sizeof(address)));
	NOTE(side->getsockname(a, (struct sockaddr *)&address, &length));
	memset(messages, 0, sizeof(messages));
	for (at = 0; at < 4; at++) {
		parts[at].iov_base = (void *)(size_t)"0123456789";
		parts[at].iov_len = (size_t)(at + 2);
		messages[at].msg_hdr.msg_name = &address;
		messages[at].msg_hdr.msg_namelen = sizeof(address);
		messages[at].msg_hdr.msg_iov = &parts[at];
		messages[at].msg_hdr.msg_iovlen = 1;
	}
	NOTE(side->sendmmsg(b, messages, 4, 0));
	for (at = 0; at < 4; at++)
		note_("bytes sent", __LINE__, (long)messages[at].msg_len);
	/* One that is wrong is the end. */
	messages[2].msg_hdr.msg_namelen = 3;
	NOTE(side->sendmmsg(b, messages, 4, 0));
	NOTE(side->sendmmsg(b, messages + 2, 2, 0));
	NOTE(side->sendmmsg(b, messages, 0, 0));
	for (at = 0; at < 4; at++) {
		parts[at].iov_base = buffers[at];
		parts[at].iov_len = 4;
		messages[at].msg_hdr.msg_name = &from[at];
		messages[at].msg_hdr.msg_namelen = sizeof(from[at]);
		messages[at].msg_len = 99;
	}
	two[0].iov_base = first;
	two[0].iov_len = 2;
	two[1].iov_base = buffers[1];
	two[1].iov_len = 8;
	messages[1].msg_hdr.msg_iov = two;
	messages[1].msg_hdr.msg_iovlen = 2;
	NOTE(side->recvmmsg(a, messages, 4, 0, NULL));
	for (at = 0; at < 4; at++) {
		note_("bytes received", __LINE__, (long)messages[at].msg_len);
		note_("flags", __LINE__, messages[at].msg_hdr.msg_flags);
		note_("length of the name", __LINE__, (long)messages[at].msg_hdr.msg_namelen);
		note_("from", __LINE__, (long)ntohl(from[at].sin_addr.s_addr));
	}
	note_("content", __LINE__, memcmp(buffers[0], "01", 2) == 0 && memcmp(first, "01", 2) == 0 && buffers[1][0] == '2');
	/* Two are left. */
	NOTE(side->recvmmsg(a, messages, 4, MSG_WAITFORONE, NULL));
	NOTE(side->recvmmsg(a, messages, 4, MSG_DONTWAIT, NULL));
	NOTE(side->recvmmsg(a, messages, 4, MSG_DONTWAIT, &wrong));
	NOTE(side->sendto(b, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)));
	NOTE(side->recvmmsg(a, messages, 1, 0, &soon));
	messages[0].msg_hdr.msg_iov = too_many;
	messages[0].msg_hdr.msg_iovlen = 1025;
	NOTE(side->recvmmsg(a, messages, 1, MSG_DONTWAIT, NULL));
	NOTE(side->close(a));
	NOTE(side->recvmmsg(a, messages, 1, 0, NULL));
	NOTE(side->sendmmsg(a, messages, 1, 0));
	NOTE(side->close(b));
}

static void
accepts(const struct side *side)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	in_port_t port;
	int server = listener(side, &port), client, peer;

	OPENED(client, side->socket(AF_INET, SOCK_STREAM, 0));
	NOTE(side->connect(client, loopback(&address, port), sizeof(address)));
	NOTE(side->accept4(server, NULL, NULL, 0x10));
	OPENED(peer, side->accept4(server, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
	note_("length of a name", __LINE__, (long)length);
	note_("nonblocking", __LINE__, (side->fcntl(peer, F_GETFL) & O_NONBLOCK) != 0);
	note_("closed on exec", __LINE__, side->fcntl(peer, F_GETFD));
	NOTE(side->close(peer));
	NOTE(side->close(client));
	OPENED(client, side->socket(AF_INET, SOCK_STREAM, 0));
	NOTE(side->connect(client, loopback(&address, port), sizeof(address)));
	OPENED(peer, side->accept4(server, NULL, NULL, 0));
	note_("blocking", __LINE__, (side->fcntl(peer, F_GETFL) & O_NONBLOCK) != 0);
	NOTE(side->close(peer));
	NOTE(side->close(client));
	NOTE(side->close(server));
}

/* Hosts have no paccept. */
static void
paccepts(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	in_port_t port;
	int server, client, peer;

	at_host = 0;
	server = listener(&kernel, &port);
	client = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	RETURNS(rump_sys_connect(client, loopback(&address, port), sizeof(address)), 0);
	peer = rump_sys_paccept(server, (struct sockaddr *)&address, &length, NULL, SOCK_NONBLOCK);
	CHECK(peer >= 0 && length == sizeof(address) && (rump_sys_fcntl(peer, F_GETFL) & O_NONBLOCK) != 0);
	FAILS(rump_sys_paccept(server, NULL, NULL, NULL, 0x10), EINVAL);
	FAILS(rump_sys_paccept(client, NULL, NULL, NULL, 0), EINVAL);
	FAILS(rump_sys_paccept(-1, NULL, NULL, NULL, 0), EBADF);
	/* Who cannot be told the address gets no descriptor. */
	RETURNS(rump_sys_close(client), 0);
	client = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	RETURNS(rump_sys_connect(client, loopback(&address, port), sizeof(address)), 0);
	FAILS(rump_sys_accept(server, (struct sockaddr *)&address, NULL), EFAULT);
	RETURNS(rump_sys_close(client), 0);
	RETURNS(rump_sys_close(peer), 0);
	RETURNS(rump_sys_close(server), 0);
}

/* What no oracle answers: null pointers, where the host may crash. */
static void
nulls(void)
{
	int s = rump_sys_socket(AF_INET, SOCK_DGRAM, 0), stream = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	socklen_t length = 4;
	int value;

	CHECK(s >= 0);
	/* As POSIX has it; Linux says EPIPE. */
	FAILS(rump_sys_send(stream, "x", 1, MSG_NOSIGNAL), ENOTCONN);
	RETURNS(rump_sys_close(stream), 0);
	FAILS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, NULL), EFAULT);
	FAILS(rump_sys_bind(s, NULL, sizeof(struct sockaddr_in)), EFAULT);
	FAILS(rump_sys_getsockname(s, NULL, &length), EFAULT);
	FAILS(rump_sys_getsockname(s, (struct sockaddr *)&value, NULL), EFAULT);
	FAILS(rump_sys_getsockopt(s, SOL_SOCKET, SO_TYPE, &value, NULL), EFAULT);
	FAILS(rump_sys_setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, NULL, 4), EFAULT);
	FAILS(rump_sys_sendto(s, NULL, 3, 0, NULL, 0), EFAULT);
	FAILS(rump_sys_recv(s, NULL, 3, 0), EFAULT);
	FAILS(rump_sys_sendmsg(s, NULL, 0), EFAULT);
	FAILS(rump_sys_recvmsg(s, NULL, 0), EFAULT);
	FAILS(rump_sys_sendmmsg(s, NULL, 1, 0), EFAULT);
	FAILS(rump_sys_recvmmsg(s, NULL, 1, 0, NULL), EFAULT);
	RETURNS(rump_sys_close(s), 0);
	FAILS(rump_sys_socket(AF_INET, SOCK_DGRAM | 0x10, 0), EINVAL);
	FAILS(rump_sys_accept4(-1, NULL, NULL, 0x10), EBADF);
	FAILS(rump_sys_listen(-1, 1), EBADF);
	FAILS(rump_sys_shutdown(-1, SHUT_RD), EBADF);
}

static void
run(const struct side *side, int is_host)
{
	at_host = is_host;
	streams(side);
	datagrams(side);
	pairs(side);
	abstract(side);
	many(side);
	accepts(side);
}

int
main(void)
{
	int at, most;

	RETURNS(rump_init(), 0);
	run(&kernel, 0);
	run(&host, 1);
	CHECK(counts[0] == counts[1]);
	most = counts[0] < counts[1] ? counts[0] : counts[1];
	for (at = 0; at < most; at++) {
		const struct answer *ours = &answers[0][at], *theirs = &answers[1][at];

		if (ours->value != theirs->value || ours->error != theirs->error)
			printf("line %d: %s: %ld (%s), at the host %ld (%s)\n", ours->line, ours->what, ours->value,
			    strerror(ours->error), theirs->value, strerror(theirs->error));
		CHECK(ours->line == theirs->line && ours->value == theirs->value && ours->error == theirs->error);
	}
	nulls();
	paccepts();
	return checked();
}
