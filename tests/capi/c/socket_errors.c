/* How calls of sockets fail, at the host and in a kernel. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#ifndef BODY
#define BODY "socket_errors.c"
#include <arpa/inet.h>
#include <net/route.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <rump/netconfig.h>

/* Addresses as calls take them. */
#define TO(name) (struct sockaddr *)&(name), sizeof (name)

static struct sockaddr_in
inet_name(const char *address, in_port_t port)
{
	struct sockaddr_in name;

	memset(&name, 0, sizeof name);
	name.sin_family = AF_INET;
	name.sin_port = port;
	name.sin_addr.s_addr = inet_addr(address);
	return name;
}

static struct sockaddr_un
local_name(const char *path)
{
	struct sockaddr_un name;

	memset(&name, 0, sizeof name);
	name.sun_family = AF_UNIX;
	memcpy(name.sun_path, path, strlen(path));
	return name;
}

/* None that anybody knows. */
static struct sockaddr_in
foreign_name(void)
{
	struct sockaddr_in name = inet_name("127.0.0.1", htons(9));

	name.sin_family = 99;
	return name;
}

#include "both.h"
#else

/* Every call, on what is no socket or not open. */
#undef EACH_FAILS
#define EACH_FAILS(s, number)                                                      \
	do {                                                                       \
		FAILS(SYS(bind)(s, TO(name)), number);                             \
		FAILS(SYS(connect)(s, TO(name)), number);                          \
		FAILS(SYS(listen)(s, 1), number);                                  \
		FAILS(SYS(accept)(s, NULL, NULL), number);                         \
		FAILS(SYS(accept4)(s, NULL, NULL, 0), number);                     \
		FAILS(SYS(shutdown)(s, SHUT_RD), number);                          \
		FAILS(SYS(getsockname)(s, (struct sockaddr *)&name, &length), number); \
		FAILS(SYS(getpeername)(s, (struct sockaddr *)&name, &length), number); \
		FAILS(SYS(setsockopt)(s, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on), number); \
		FAILS(SYS(getsockopt)(s, SOL_SOCKET, SO_KEEPALIVE, &on, &length), number); \
		FAILS(SYS(send)(s, &byte, 1, 0), number);                          \
		FAILS(SYS(sendto)(s, &byte, 1, 0, TO(name)), number);              \
		FAILS(SYS(sendmsg)(s, &message, 0), number);                       \
		FAILS(SYS(recv)(s, &byte, 1, 0), number);                          \
		FAILS(SYS(recvfrom)(s, &byte, 1, 0, NULL, NULL), number);          \
		FAILS(SYS(recvmsg)(s, &message, 0), number);                       \
		FAILS(SYS(recvmmsg)(s, &many, 1, 0, NULL), number);                \
	} while (0)

static void
GROUP(no_sockets)(void)
{
	struct sockaddr_in name = inet_name("127.0.0.1", 0);
	struct msghdr message;
	struct mmsghdr many;
	socklen_t length = sizeof name;
	int on = 1, file = SYS(open)("file", O_RDWR | O_CREAT, 0644);
	char byte = 'x';

	memset(&message, 0, sizeof message);
	memset(&many, 0, sizeof many);
	EACH_FAILS(-1, EBADF);
	EACH_FAILS(file, ENOTSOCK);
#if IN_KERNEL
	FAILS(rump_sys_paccept(file, NULL, NULL, NULL, 0), ENOTSOCK);
#endif
	RETURNS(SYS(close)(file), 0);
}

static void
GROUP(making)(void)
{
	struct rlimit all, few;
	int pair[2], server, s;

	FAILS(SYS(socket)(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(SYS(socketpair)(99, SOCK_STREAM, 0, pair), EAFNOSUPPORT);
	FAILS(SYS(socket)(AF_INET, SOCK_STREAM | 0x10, 0), EINVAL);
	FAILS(SYS(socketpair)(AF_UNIX, SOCK_STREAM | 0x10, 0, pair), EINVAL);
	FAILS(SYS(socket)(AF_UNIX, 9, 0), ESOCKTNOSUPPORT);
	FAILS(SYS(socketpair)(AF_UNIX, 9, 0, pair), ESOCKTNOSUPPORT);
	FAILS(SYS(socket)(AF_INET, SOCK_STREAM, 77), EPROTONOSUPPORT);
	FAILS(SYS(socket)(AF_UNIX, SOCK_STREAM, 77), EPROTONOSUPPORT);
	FAILS(SYS(socketpair)(AF_UNIX, SOCK_STREAM, 77, pair), EPROTONOSUPPORT);
	FAILS(SYS(socketpair)(AF_INET, SOCK_STREAM, 0, pair), EOPNOTSUPP);

	server = SYS(socket)(AF_UNIX, SOCK_STREAM, 0);
	RETURNS(SYS(getrlimit)(RLIMIT_NOFILE, &all), 0);
	few = all;
	few.rlim_cur = (rlim_t)server + 1;
	RETURNS(SYS(setrlimit)(RLIMIT_NOFILE, &few), 0);
	FAILS(SYS(socket)(AF_UNIX, SOCK_STREAM, 0), EMFILE);
	FAILS(SYS(open)("file", O_RDONLY), EMFILE);
#if IN_KERNEL
	FAILS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), EMFILE);
	FAILS(rump_sys_kqueue1(0), EMFILE);
	FAILS(rump_sys_accept(server, NULL, NULL), EMFILE);
	FAILS(rump_sys_accept4(server, NULL, NULL, 0), EMFILE);
	FAILS(rump_sys_paccept(server, NULL, NULL, NULL, 0), EMFILE);
#endif
	RETURNS(SYS(setrlimit)(RLIMIT_NOFILE, &all), 0);
	s = SYS(socket)(AF_UNIX, SOCK_DGRAM, 0);
	FAILS(SYS(listen)(s, 1), EOPNOTSUPP);
	FAILS(SYS(accept)(s, NULL, NULL), EOPNOTSUPP);
	FAILS(SYS(accept4)(s, NULL, NULL, 0), EOPNOTSUPP);
	FAILS(SYS(accept4)(s, NULL, NULL, 0x10), EINVAL);
	FAILS(SYS(accept)(server, NULL, NULL), EINVAL);
	FAILS(SYS(listen)(server, 1), EINVAL);
#if IN_KERNEL
	FAILS(rump_sys_paccept(s, NULL, NULL, NULL, 0), EOPNOTSUPP);
#endif
	RETURNS(SYS(close)(s), 0);
	RETURNS(SYS(close)(server), 0);
}

static void
GROUP(naming)(void)
{
	struct sockaddr_in any = inet_name("127.0.0.1", 0), far = inet_name("192.0.2.1", 0), foreign = foreign_name();
	struct sockaddr_un name;
	socklen_t length = sizeof any;
	int s = SYS(socket)(AF_INET, SOCK_STREAM, 0), other = SYS(socket)(AF_INET, SOCK_STREAM, 0);

	FAILS(SYS(bind)(s, (struct sockaddr *)&any, 3), EINVAL);
	FAILS(SYS(bind)(s, TO(foreign)), EAFNOSUPPORT);
	FAILS(SYS(bind)(s, TO(far)), EADDRNOTAVAIL);
	RETURNS(SYS(bind)(s, TO(any)), 0);
	FAILS(SYS(bind)(s, TO(any)), EINVAL);
	RETURNS(SYS(getsockname)(s, (struct sockaddr *)&any, &length), 0);
	RETURNS(SYS(listen)(s, 1), 0);
	FAILS(SYS(bind)(other, TO(any)), EADDRINUSE);
	FAILS(SYS(getpeername)(other, (struct sockaddr *)&any, &length), ENOTCONN);
	FAILS(SYS(shutdown)(other, SHUT_RD), ENOTCONN);
	FAILS(SYS(shutdown)(other, 17), EINVAL);
	RETURNS(SYS(close)(s), 0);
	RETURNS(SYS(close)(other), 0);

	s = SYS(socket)(AF_UNIX, SOCK_STREAM, 0);
	name = local_name("missing/socket");
	FAILS(SYS(bind)(s, TO(name)), ENOENT);
	FAILS(SYS(connect)(s, TO(name)), ENOENT);
	name = local_name("file/socket");
	FAILS(SYS(bind)(s, TO(name)), ENOTDIR);
#if IN_KERNEL
	FAILS(rump_sys_connect(s, NULL, sizeof name), EFAULT);
	RETURNS(rump_sys_mkdir("read", 0755), 0);
	RETURNS(rump_pub_mount("tmpfs", NULL, "read", RUMP_MNT_RDONLY, NULL), 0);
	name = local_name("read/socket");
	FAILS(rump_sys_bind(s, TO(name)), EROFS);
	RETURNS(rump_sys_mkdir("closed", 0700), 0);
	RETURNS(rump_sys_seteuid(1), 0);
	name = local_name("closed/socket");
	FAILS(rump_sys_bind(s, TO(name)), EACCES);
	FAILS(rump_sys_socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EACCES);
	RETURNS(rump_sys_seteuid(0), 0);
#endif
	RETURNS(SYS(close)(s), 0);
}

static void
GROUP(connecting)(void)
{
	struct sockaddr_in name = inet_name("127.0.0.1", 0), foreign = foreign_name();
	struct sockaddr_un local = local_name("datagrams");
	socklen_t length = sizeof name;
	int server = SYS(socket)(AF_INET, SOCK_STREAM, 0), client = SYS(socket)(AF_INET, SOCK_STREAM, 0), s, other;

	RETURNS(SYS(bind)(server, TO(name)), 0);
	RETURNS(SYS(getsockname)(server, (struct sockaddr *)&name, &length), 0);
	FAILS(SYS(connect)(client, (struct sockaddr *)&name, 3), EINVAL);
	FAILS(SYS(connect)(client, TO(foreign)), EAFNOSUPPORT);
	FAILS(SYS(connect)(client, TO(name)), ECONNREFUSED);
	RETURNS(SYS(close)(client), 0);
	client = SYS(socket)(AF_INET, SOCK_STREAM, 0);
	RETURNS(SYS(listen)(server, 5), 0);
	RETURNS(SYS(fcntl)(server, F_SETFL, O_NONBLOCK), 0);
	FAILS(SYS(accept)(server, NULL, NULL), EAGAIN);
	FAILS(SYS(accept4)(server, NULL, NULL, 0), EAGAIN);
	RETURNS(SYS(connect)(client, TO(name)), 0);
	FAILS(SYS(connect)(client, TO(name)), EISCONN);
#if IN_KERNEL
	FAILS(rump_sys_getpeername(client, NULL, &length), EFAULT);
	FAILS(rump_sys_getpeername(client, (struct sockaddr *)&name, NULL), EFAULT);
	FAILS(rump_sys_accept4(server, (struct sockaddr *)&name, NULL, 0), EFAULT);
	FAILS(rump_sys_paccept(server, NULL, NULL, NULL, 0), EAGAIN);
	other = rump_sys_socket(AF_INET, SOCK_STREAM, 0);
	RETURNS(rump_sys_connect(other, TO(name)), 0);
	FAILS(rump_sys_paccept(server, (struct sockaddr *)&name, NULL, NULL, 0), EFAULT);
	RETURNS(rump_sys_close(other), 0);
#endif
	RETURNS(SYS(close)(client), 0);
	RETURNS(SYS(close)(server), 0);

	s = SYS(socket)(AF_UNIX, SOCK_DGRAM, 0);
	other = SYS(socket)(AF_UNIX, SOCK_STREAM, 0);
	RETURNS(SYS(bind)(s, TO(local)), 0);
	FAILS(SYS(connect)(other, TO(local)), EPROTOTYPE);
	RETURNS(SYS(close)(s), 0);
	RETURNS(SYS(close)(other), 0);
}

static void
GROUP(options)(void)
{
	struct timeval no_time = { 0, 2000000 };
	socklen_t length = sizeof (int);
	int s = SYS(socket)(AF_INET, SOCK_STREAM, 0), value = 1;

	FAILS(SYS(setsockopt)(s, SOL_SOCKET, 12345, &value, sizeof value), ENOPROTOOPT);
	FAILS(SYS(setsockopt)(s, SOL_SOCKET, SO_TYPE, &value, sizeof value), ENOPROTOOPT);
	FAILS(SYS(getsockopt)(s, SOL_SOCKET, 12345, &value, &length), ENOPROTOOPT);
	FAILS(SYS(setsockopt)(s, SOL_SOCKET, SO_KEEPALIVE, &value, 1), EINVAL);
	FAILS(SYS(setsockopt)(s, SOL_SOCKET, SO_RCVTIMEO, &no_time, sizeof no_time), EDOM);
	RETURNS(SYS(close)(s), 0);
#if IN_KERNEL
	{
		struct ip_mreq group;
		int number;

		s = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);
		group.imr_interface.s_addr = inet_addr("127.0.0.1");
		for (number = 1; number < 5000; number++) {
			group.imr_multiaddr.s_addr = htonl(0xefff0000U + (unsigned)number);
			if (rump_sys_setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group) != 0)
				break;
		}
		CHECK(number >= 20 && number < 5000);
		FAILS(rump_sys_setsockopt(s, IPPROTO_IP, IP_ADD_MEMBERSHIP, &group, sizeof group), ENOBUFS);
		RETURNS(rump_sys_close(s), 0);
	}
#endif
}

static void
GROUP(sending)(void)
{
	static char large[70000];
	struct iovec part = { large, 1 };
	struct sockaddr_in name = inet_name("127.0.0.1", htons(9)), foreign = foreign_name();
	struct msghdr message;
	int s = SYS(socket)(AF_INET, SOCK_DGRAM, 0), stream = SYS(socket)(AF_INET, SOCK_STREAM, 0), pair[2];

	memset(&message, 0, sizeof message);
	message.msg_iov = &part;
	message.msg_iovlen = 1;
	FAILS(SYS(send)(s, large, 1, 0), EDESTADDRREQ);
	FAILS(SYS(sendto)(s, large, 1, 0, NULL, 0), EDESTADDRREQ);
	FAILS(SYS(sendto)(s, large, 1, 0, (struct sockaddr *)&name, 3), EINVAL);
	FAILS(SYS(sendto)(s, large, 1, 0, TO(foreign)), EAFNOSUPPORT);
	message.msg_name = &foreign;
	message.msg_namelen = sizeof foreign;
	FAILS(SYS(sendmsg)(s, &message, 0), EAFNOSUPPORT);
	message.msg_name = &name;
	message.msg_namelen = 3;
	FAILS(SYS(sendmsg)(s, &message, 0), EINVAL);
	FAILS(SYS(sendto)(s, large, sizeof large, 0, TO(name)), EMSGSIZE);
	FAILS(SYS(recv)(s, large, 1, MSG_DONTWAIT), EAGAIN);
	FAILS(SYS(recvfrom)(s, large, 1, MSG_DONTWAIT, NULL, NULL), EAGAIN);
	RETURNS(SYS(connect)(s, TO(name)), 0);
	FAILS(SYS(send)(s, large, sizeof large, 0), EMSGSIZE);
	/* Nobody listens, and says so. */
	RETURNS(SYS(send)(s, large, 1, 0), 1);
	FAILS(SYS(send)(s, large, 1, 0), ECONNREFUSED);
	RETURNS(SYS(send)(s, large, 1, 0), 1);
	FAILS(SYS(sendto)(s, large, 1, 0, NULL, 0), ECONNREFUSED);
	RETURNS(SYS(close)(s), 0);
	FAILS(SYS(recv)(stream, large, 1, 0), ENOTCONN);
	FAILS(SYS(recvfrom)(stream, large, 1, 0, NULL, NULL), ENOTCONN);
	RETURNS(SYS(close)(stream), 0);
	stream = SYS(socket)(AF_UNIX, SOCK_STREAM, 0);
	FAILS(SYS(send)(stream, large, 1, 0), ENOTCONN);
	FAILS(SYS(sendto)(stream, large, 1, 0, NULL, 0), ENOTCONN);
	RETURNS(SYS(close)(stream), 0);

	RETURNS(SYS(socketpair)(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	FAILS(SYS(send)(pair[0], large, 1, MSG_OOB), EOPNOTSUPP);
	FAILS(SYS(sendto)(pair[0], large, 1, MSG_OOB, NULL, 0), EOPNOTSUPP);
	FAILS(SYS(recv)(pair[0], large, 1, MSG_OOB), EOPNOTSUPP);
	FAILS(SYS(recvfrom)(pair[0], large, 1, MSG_OOB, NULL, NULL), EOPNOTSUPP);
	RETURNS(SYS(close)(pair[0]), 0);
	RETURNS(SYS(close)(pair[1]), 0);
	RETURNS(SYS(socketpair)(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	FAILS(SYS(sendto)(pair[0], large, 1, 0, TO(name)), EISCONN);
	while (SYS(send)(pair[0], large, sizeof large, MSG_DONTWAIT) > 0)
		;
	FAILS(SYS(send)(pair[0], large, 1000, MSG_DONTWAIT), EAGAIN);
	FAILS(SYS(sendto)(pair[0], large, 1000, MSG_DONTWAIT, NULL, 0), EAGAIN);
	RETURNS(SYS(close)(pair[1]), 0);
	FAILS(SYS(send)(pair[0], large, 1, MSG_NOSIGNAL), EPIPE);
	FAILS(SYS(sendto)(pair[0], large, 1, MSG_NOSIGNAL, NULL, 0), EPIPE);
	RETURNS(SYS(close)(pair[0]), 0);
	/* Who ends with something unread resets. */
	RETURNS(SYS(socketpair)(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	RETURNS(SYS(send)(pair[0], large, 1, 0), 1);
	RETURNS(SYS(close)(pair[1]), 0);
	FAILS(SYS(recv)(pair[0], large, 1, 0), ECONNRESET);
	RETURNS(SYS(close)(pair[0]), 0);
	RETURNS(SYS(socketpair)(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	RETURNS(SYS(send)(pair[0], large, 1, 0), 1);
	RETURNS(SYS(close)(pair[1]), 0);
	FAILS(SYS(recvfrom)(pair[0], large, 1, 0, NULL, NULL), ECONNRESET);
	RETURNS(SYS(close)(pair[0]), 0);
}

/* A connection that its other side resets, and one that nobody accepted before. */
static void
GROUP(resetting)(void)
{
	struct linger linger = { 1, 0 };
	struct sockaddr_in name = inet_name("127.0.0.1", 0);
	socklen_t length = sizeof name;
	struct pollfd fd = { 0, POLLIN, 0 };
	int server = SYS(socket)(AF_INET, SOCK_STREAM, 0), client, peer, with_address;
	char byte = 'x';

	RETURNS(SYS(bind)(server, TO(name)), 0);
	RETURNS(SYS(listen)(server, 5), 0);
	RETURNS(SYS(getsockname)(server, (struct sockaddr *)&name, &length), 0);
	for (with_address = 0; with_address < 2; with_address++) {
		client = SYS(socket)(AF_INET, SOCK_STREAM, 0);
		RETURNS(SYS(connect)(client, TO(name)), 0);
		peer = SYS(accept)(server, NULL, NULL);
		RETURNS(SYS(setsockopt)(peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
		RETURNS(SYS(close)(peer), 0);
		fd.fd = client;
		RETURNS(SYS(poll)(&fd, 1, 10000), 1);
		if (with_address)
			FAILS(SYS(sendto)(client, &byte, 1, MSG_NOSIGNAL, NULL, 0), ECONNRESET);
		else
			FAILS(SYS(send)(client, &byte, 1, MSG_NOSIGNAL), ECONNRESET);
		RETURNS(SYS(close)(client), 0);
	}
	RETURNS(SYS(close)(server), 0);
}

#if IN_KERNEL
/* Calls of null pointers, and networks with nobody in them. */
static void
kernel_alone(void)
{
	struct sockaddr_in near = inet_name("10.3.0.2", htons(7)), far = inet_name("198.51.100.1", htons(7)),
	                   no_port = inet_name("127.0.0.1", 0), any = inet_name("0.0.0.0", 0);
	struct rtentry route;
	struct timespec no_time = { 0, 1000000000 };
	struct iovec parts[1025];
	struct mmsghdr many;
	socklen_t negative = (socklen_t)-1;
	struct msghdr message;
	int client = rump_sys_socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), s = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);
	char byte = 'x';

	memset(&many, 0, sizeof many);
	memset(parts, 0, sizeof parts);
	memset(&message, 0, sizeof message);
	message.msg_iov = parts;
	message.msg_iovlen = 1025;
	FAILS(rump_sys_sendmsg(s, &message, 0), EMSGSIZE);
	FAILS(rump_sys_recvmsg(s, &message, 0), EMSGSIZE);
	FAILS(rump_sys_recvmmsg(s, &many, 1, 0, &no_time), EINVAL);
	FAILS(rump_sys_send(s, NULL, 1, 0), EFAULT);
	FAILS(rump_sys_recvfrom(s, NULL, 1, 0, NULL, NULL), EFAULT);
	FAILS(rump_sys_setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &byte, negative), EINVAL);
	FAILS(rump_sys_getsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &byte, &negative), EINVAL);
	FAILS(rump_sys_getsockname(s, (struct sockaddr *)&near, &negative), EINVAL);
	FAILS(rump_sys_connect(s, TO(far)), ENETUNREACH);
	FAILS(rump_sys_sendto(s, &byte, 1, 0, TO(far)), ENETUNREACH);
	FAILS(rump_sys_connect(client, TO(no_port)), EADDRNOTAVAIL);
	RETURNS(rump_pub_netconfig_ifcreate("tap0"), 0);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("tap0", "10.3.0.1", 24), 0);
	RETURNS(rump_pub_netconfig_ifup("tap0"), 0);
	FAILS(rump_sys_connect(client, TO(near)), EINPROGRESS);
	FAILS(rump_sys_connect(client, TO(near)), EALREADY);
	/* A router, which goes away again. */
	memset(&route, 0, sizeof route);
	route.rt_flags = RTF_UP | RTF_GATEWAY;
	memcpy(&route.rt_dst, &any, sizeof any);
	memcpy(&route.rt_genmask, &any, sizeof any);
	memcpy(&route.rt_gateway, &near, sizeof near);
	RETURNS(rump_sys_ioctl(s, SIOCADDRT, &route), 0);
	RETURNS(rump_sys_connect(s, TO(far)), 0);
	FAILS(rump_sys_getpeername(s, (struct sockaddr *)&no_port, &negative), EINVAL);
	RETURNS(rump_sys_ioctl(s, SIOCDELRT, &route), 0);
	FAILS(rump_sys_send(s, &byte, 1, 0), ENETUNREACH);
	RETURNS(rump_sys_close(client), 0);
	RETURNS(rump_sys_close(s), 0);
}
#endif

static void
GROUP(run)(void)
{
	signal(SIGPIPE, SIG_IGN);
	GROUP(no_sockets)();
	GROUP(making)();
	GROUP(naming)();
	GROUP(connecting)();
	GROUP(options)();
	GROUP(sending)();
	GROUP(resetting)();
#if IN_KERNEL
	kernel_alone();
#endif
}

#endif
