/* Requests to files and sockets, at the kernel and at the host; interfaces and routes of the kernel. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

#ifndef SIOCATMARK
#define SIOCATMARK 0x8905
#endif

struct side {
	int (*ioctl)(int, unsigned long, ...);
	int (*socketpair)(int, int, int, int[2]);
	int (*socket)(int, int, int);
	int (*fcntl)(int, int, ...);
	ssize_t (*write)(int, const void *, size_t);
	ssize_t (*read)(int, void *, size_t);
	int (*close)(int);
	int (*pipe)(int[2]);
	int (*bind)(int, const struct sockaddr *, socklen_t);
	int (*seteuid)(uid_t);
};
static const struct side kernel = {
	rump_sys_ioctl, rump_sys_socketpair, rump_sys_socket, rump_sys_fcntl, rump_sys_write, rump_sys_read, rump_sys_close, rump_sys_pipe,
	rump_sys_bind, rump_sys_seteuid,
};
static const struct side host = { ioctl, socketpair, socket, fcntl, write, read, close, pipe, bind, seteuid };

static void
files(const struct side *side)
{
	int pair[2], ends[2], stream, value = 17;
	char byte;

	RETURNS(side->socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	RETURNS(side->write(pair[0], "abc", 3), 3);
	RETURNS(side->ioctl(pair[1], FIONREAD, &value), 0);
	CHECK(value == 3);
	value = 1;
	RETURNS(side->ioctl(pair[0], FIONBIO, &value), 0);
	CHECK((side->fcntl(pair[0], F_GETFL) & O_NONBLOCK) != 0);
	FAILS(side->read(pair[0], &byte, 1), EAGAIN);
	value = 0;
	RETURNS(side->ioctl(pair[0], FIONBIO, &value), 0);
	CHECK((side->fcntl(pair[0], F_GETFL) & O_NONBLOCK) == 0);
	RETURNS(side->ioctl(pair[0], FIOCLEX), 0);
	RETURNS(side->fcntl(pair[0], F_GETFD), FD_CLOEXEC);
	RETURNS(side->ioctl(pair[0], FIONCLEX), 0);
	RETURNS(side->fcntl(pair[0], F_GETFD), 0);
	FAILS(side->ioctl(pair[0], 0x4711, &value), ENOTTY);
	RETURNS(side->pipe(ends), 0);
	RETURNS(side->write(ends[1], "abcd", 4), 4);
	RETURNS(side->ioctl(ends[0], FIONREAD, &value), 0);
	CHECK(value == 4);
	FAILS(side->ioctl(ends[0], TIOCOUTQ, &value), ENOTTY);
	FAILS(side->ioctl(ends[0], SIOCATMARK, &value), ENOTTY);
	FAILS(side->ioctl(ends[0], SIOCGIFFLAGS, &value), ENOTTY);
	stream = side->socket(AF_INET, SOCK_STREAM, 0);
	CHECK(stream >= 0);
	value = 17;
	RETURNS(side->ioctl(stream, SIOCATMARK, &value), 0);
	CHECK(value == 0);
	RETURNS(side->close(stream), 0);
	RETURNS(side->close(pair[0]), 0);
	RETURNS(side->close(pair[1]), 0);
	RETURNS(side->close(ends[0]), 0);
	RETURNS(side->close(ends[1]), 0);
	FAILS(side->ioctl(pair[0], FIONREAD, &value), EBADF);
	FAILS(side->ioctl(-1, SIOCGIFFLAGS, &value), EBADF);
}

static void
name(struct ifreq *to, const char *text)
{
	memset(to, 0, sizeof(*to));
	strncpy(to->ifr_name, text, IFNAMSIZ - 1);
}

static void
put(struct sockaddr *to, const char *text)
{
	struct sockaddr_in address;

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	CHECK(inet_pton(AF_INET, text, &address.sin_addr) == 1);
	memcpy(to, &address, sizeof(*to));
}

static int
is(const struct sockaddr *found, const char *text)
{
	struct sockaddr wanted;

	put(&wanted, text);
	return memcmp(found, &wanted, sizeof(wanted)) == 0;
}

/* What the loopback interface is does not differ. */
static void
loopback(const struct side *side)
{
	struct ifreq request, all[64];
	struct ifconf configuration;
	int s = side->socket(AF_INET, SOCK_DGRAM, 0), at, seen = 0;

	name(&request, "lo");
	if (side == &kernel)
		name(&request, "lo0");
	RETURNS(side->ioctl(s, SIOCGIFINDEX, &request), 0);
	CHECK(request.ifr_ifindex == 1);
	memset(request.ifr_name, 'x', IFNAMSIZ);
	RETURNS(side->ioctl(s, SIOCGIFNAME, &request), 0);
	CHECK(strncmp(request.ifr_name, "lo", 2) == 0);
	RETURNS(side->ioctl(s, SIOCGIFADDR, &request), 0);
	CHECK(is(&request.ifr_addr, "127.0.0.1"));
	RETURNS(side->ioctl(s, SIOCGIFNETMASK, &request), 0);
	CHECK(is(&request.ifr_addr, "255.0.0.0"));
	RETURNS(side->ioctl(s, SIOCGIFBRDADDR, &request), 0);
	CHECK(is(&request.ifr_addr, "0.0.0.0"));
	RETURNS(side->ioctl(s, SIOCGIFFLAGS, &request), 0);
	CHECK((request.ifr_flags & (IFF_UP | IFF_LOOPBACK | IFF_RUNNING | IFF_BROADCAST)) == (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
	RETURNS(side->ioctl(s, SIOCGIFHWADDR, &request), 0);
	CHECK(request.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK);
	RETURNS(side->ioctl(s, SIOCGIFMTU, &request), 0);
	CHECK(request.ifr_mtu > 1500);

	configuration.ifc_len = 0;
	configuration.ifc_buf = NULL;
	RETURNS(side->ioctl(s, SIOCGIFCONF, &configuration), 0);
	CHECK(configuration.ifc_len >= (int)sizeof(struct ifreq) && configuration.ifc_len % (int)sizeof(struct ifreq) == 0);
	configuration.ifc_len = sizeof(all) - 1;
	configuration.ifc_req = all;
	RETURNS(side->ioctl(s, SIOCGIFCONF, &configuration), 0);
	for (at = 0; at < configuration.ifc_len / (int)sizeof(struct ifreq); at++)
		seen += is(&all[at].ifr_addr, "127.0.0.1") && strncmp(all[at].ifr_name, "lo", 2) == 0;
	CHECK(seen == 1);
	configuration.ifc_len = sizeof(struct ifreq) - 1;
	RETURNS(side->ioctl(s, SIOCGIFCONF, &configuration), 0);
	CHECK(configuration.ifc_len == 0);

	name(&request, "nothing0");
	FAILS(side->ioctl(s, SIOCGIFFLAGS, &request), ENODEV);
	FAILS(side->ioctl(s, SIOCGIFADDR, &request), ENODEV);
	request.ifr_ifindex = 4711;
	FAILS(side->ioctl(s, SIOCGIFNAME, &request), ENODEV);
	RETURNS(side->close(s), 0);
}

static void
interfaces(void)
{
	struct ifreq request;
	struct rtentry route;
	char device[] = "tap0", missing[] = "nothing0";
	int asynchronous = 1;
	int s = rump_sys_socket(AF_INET, SOCK_DGRAM, 0), tap = rump_sys_open("/dev/tap0", O_RDWR);

	CHECK(tap >= 0);
	RETURNS(rump_sys_ioctl(tap, TAPGIFNAME, &request), 0);
	CHECK(strcmp(request.ifr_name, "tap0") == 0);
	FAILS(rump_sys_ioctl(tap, TAPGIFNAME, NULL), EFAULT);
	FAILS(rump_sys_ioctl(s, SIOCGIFFLAGS, NULL), EFAULT);
	FAILS(rump_sys_ioctl(s, SIOCGIFCONF, NULL), EFAULT);
	FAILS(rump_sys_ioctl(s, TAPGIFNAME, &request), ENOTTY);
	FAILS(rump_sys_ioctl(s, FIOASYNC, &asynchronous), ENOTTY);
	RETURNS(rump_sys_ioctl(s, SIOCGIFFLAGS, &request), 0);
	CHECK((request.ifr_flags & (IFF_UP | IFF_BROADCAST | IFF_RUNNING)) == IFF_BROADCAST);
	FAILS(rump_sys_ioctl(s, SIOCGIFADDR, &request), EADDRNOTAVAIL);
	FAILS(rump_sys_ioctl(s, SIOCSIFNETMASK, &request), EADDRNOTAVAIL);
	request.ifr_flags = IFF_UP;
	RETURNS(rump_sys_ioctl(s, SIOCSIFFLAGS, &request), 0);
	RETURNS(rump_sys_ioctl(s, SIOCGIFFLAGS, &request), 0);
	CHECK((request.ifr_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING));

	put(&request.ifr_addr, "10.1.2.3");
	RETURNS(rump_sys_ioctl(s, SIOCSIFADDR, &request), 0);
	RETURNS(rump_sys_ioctl(s, SIOCGIFNETMASK, &request), 0);
	CHECK(is(&request.ifr_addr, "255.0.0.0"));
	put(&request.ifr_addr, "255.0.255.0");
	FAILS(rump_sys_ioctl(s, SIOCSIFNETMASK, &request), EINVAL);
	put(&request.ifr_addr, "255.255.255.0");
	RETURNS(rump_sys_ioctl(s, SIOCSIFNETMASK, &request), 0);
	RETURNS(rump_sys_ioctl(s, SIOCGIFADDR, &request), 0);
	CHECK(is(&request.ifr_addr, "10.1.2.3"));
	RETURNS(rump_sys_ioctl(s, SIOCGIFBRDADDR, &request), 0);
	CHECK(is(&request.ifr_addr, "10.1.2.255"));
	put(&request.ifr_addr, "192.168.7.1");
	RETURNS(rump_sys_ioctl(s, SIOCSIFADDR, &request), 0);
	RETURNS(rump_sys_ioctl(s, SIOCGIFADDR, &request), 0);
	CHECK(is(&request.ifr_addr, "192.168.7.1"));
	put(&request.ifr_addr, "224.0.0.1");
	FAILS(rump_sys_ioctl(s, SIOCSIFADDR, &request), EINVAL);
	memset(&request.ifr_addr, 0xff, sizeof(request.ifr_addr));
	FAILS(rump_sys_ioctl(s, SIOCSIFADDR, &request), EINVAL);
	RETURNS(rump_sys_ioctl(s, SIOCGIFADDR, &request), 0);
	CHECK(is(&request.ifr_addr, "192.168.7.1"));

	request.ifr_mtu = 1280;
	RETURNS(rump_sys_ioctl(s, SIOCSIFMTU, &request), 0);
	RETURNS(rump_sys_ioctl(s, SIOCGIFMTU, &request), 0);
	CHECK(request.ifr_mtu == 1280);
	request.ifr_mtu = -1;
	FAILS(rump_sys_ioctl(s, SIOCSIFMTU, &request), EINVAL);
	memset(&request.ifr_hwaddr, 0, sizeof(request.ifr_hwaddr));
	FAILS(rump_sys_ioctl(s, SIOCSIFHWADDR, &request), EINVAL);
	request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(request.ifr_hwaddr.sa_data, "\x02\x01\x02\x03\x04\x05", 6);
	RETURNS(rump_sys_ioctl(s, SIOCSIFHWADDR, &request), 0);
	memset(&request.ifr_hwaddr, 0, sizeof(request.ifr_hwaddr));
	RETURNS(rump_sys_ioctl(s, SIOCGIFHWADDR, &request), 0);
	CHECK(request.ifr_hwaddr.sa_family == ARPHRD_ETHER);
	CHECK(memcmp(request.ifr_hwaddr.sa_data, "\x02\x01\x02\x03\x04\x05", 6) == 0);

	memset(&route, 0, sizeof(route));
	put(&route.rt_dst, "0.0.0.0");
	put(&route.rt_gateway, "192.168.7.254");
	put(&route.rt_genmask, "0.0.0.0");
	route.rt_flags = RTF_UP | RTF_GATEWAY;
	RETURNS(rump_sys_ioctl(s, SIOCADDRT, &route), 0);
	FAILS(rump_sys_ioctl(s, SIOCADDRT, &route), EEXIST);
	RETURNS(rump_sys_ioctl(s, SIOCDELRT, &route), 0);
	FAILS(rump_sys_ioctl(s, SIOCDELRT, &route), ESRCH);
	memset(&route.rt_genmask, 0, sizeof(route.rt_genmask));
	put(&route.rt_gateway, "172.16.0.1");
	FAILS(rump_sys_ioctl(s, SIOCADDRT, &route), ENETUNREACH);
	put(&route.rt_gateway, "0.0.0.0");
	FAILS(rump_sys_ioctl(s, SIOCADDRT, &route), EINVAL);
	route.rt_flags = RTF_UP;
	put(&route.rt_dst, "10.9.0.0");
	put(&route.rt_genmask, "255.255.0.0");
	FAILS(rump_sys_ioctl(s, SIOCADDRT, &route), ENODEV);
	route.rt_dev = missing;
	FAILS(rump_sys_ioctl(s, SIOCADDRT, &route), ENODEV);
	route.rt_dev = device;
	route.rt_metric = 3;
	RETURNS(rump_sys_ioctl(s, SIOCADDRT, &route), 0);
	route.rt_metric = 4;
	FAILS(rump_sys_ioctl(s, SIOCDELRT, &route), ESRCH);
	route.rt_metric = 0;
	route.rt_dev = NULL;
	RETURNS(rump_sys_ioctl(s, SIOCDELRT, &route), 0);
	put(&route.rt_dst, "10.9.0.1");
	FAILS(rump_sys_ioctl(s, SIOCADDRT, &route), EINVAL);
	route.rt_flags = RTF_UP | RTF_HOST;
	route.rt_dev = device;
	RETURNS(rump_sys_ioctl(s, SIOCADDRT, &route), 0);
	RETURNS(rump_sys_ioctl(s, SIOCDELRT, &route), 0);
	route.rt_dst.sa_family = AF_UNIX;
	FAILS(rump_sys_ioctl(s, SIOCADDRT, &route), EAFNOSUPPORT);
	FAILS(rump_sys_ioctl(s, SIOCADDRT, NULL), EFAULT);

	name(&request, "tap0");
	RETURNS(rump_sys_seteuid(1), 0);
	FAILS(rump_sys_ioctl(s, SIOCSIFFLAGS, &request), EPERM);
	FAILS(rump_sys_ioctl(s, SIOCSIFADDR, &request), EPERM);
	FAILS(rump_sys_ioctl(s, SIOCSIFMTU, &request), EPERM);
	FAILS(rump_sys_ioctl(s, SIOCSIFHWADDR, &request), EPERM);
	FAILS(rump_sys_ioctl(s, SIOCDELRT, &route), EPERM);
	RETURNS(rump_sys_ioctl(s, SIOCGIFFLAGS, &request), 0);
	RETURNS(rump_sys_seteuid(0), 0);
	put(&request.ifr_addr, "0.0.0.0");
	RETURNS(rump_sys_ioctl(s, SIOCSIFADDR, &request), 0);
	FAILS(rump_sys_ioctl(s, SIOCGIFADDR, &request), EADDRNOTAVAIL);
	request.ifr_flags = 0;
	RETURNS(rump_sys_ioctl(s, SIOCSIFFLAGS, &request), 0);
	RETURNS(rump_sys_close(tap), 0);
	RETURNS(rump_sys_close(s), 0);
}

/* struct in6_ifreq of <linux/ipv6.h>, which goes not with <netinet/in.h>. */
struct request6 {
	struct in6_addr address;
	uint32_t bits;
	int interface;
};

static struct request6
asked(const char *text, uint32_t bits, int interface)
{
	struct request6 made;

	CHECK(inet_pton(AF_INET6, text, &made.address) == 1);
	made.bits = bits;
	made.interface = interface;
	return made;
}

/* Whether a socket can be bound to an address, or why not. */
static int
bound(const struct side *side, const struct request6 *to)
{
	struct sockaddr_in6 address;
	int s = side->socket(AF_INET6, SOCK_DGRAM, 0), error;

	memset(&address, 0, sizeof(address));
	address.sin6_family = AF_INET6;
	address.sin6_addr = to->address;
	error = side->bind(s, (struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : errno;
	RETURNS(side->close(s), 0);
	return error;
}

/* Whether it can be soon: the host takes a new address for its own a little later. */
static int
is_bound_soon(const struct side *side, const struct request6 *to)
{
	struct timespec tick = { 0, 10000000 };
	int tries;

	for (tries = 0; tries < 1000; tries++) {
		if (bound(side, to) == 0)
			return 1;
		nanosleep(&tick, NULL);
	}
	return 0;
}

/* Addresses of IPv6 of the loopback interface. */
static void
addresses6(const struct side *side)
{
	struct ifreq named;
	struct request6 request;
	int s = side->socket(AF_INET6, SOCK_DGRAM, 0), lo;

	name(&named, side == &kernel ? "lo0" : "lo");
	RETURNS(side->ioctl(s, SIOCGIFINDEX, &named), 0);
	lo = named.ifr_ifindex;
	named.ifr_flags = IFF_UP;
	RETURNS(side->ioctl(s, SIOCSIFFLAGS, &named), 0);

	request = asked("fd07::1", 64, lo);
	RETURNS(bound(side, &request), EADDRNOTAVAIL);
	RETURNS(side->ioctl(s, SIOCSIFADDR, &request), 0);
	CHECK(is_bound_soon(side, &request));
	FAILS(side->ioctl(s, SIOCSIFADDR, &request), EEXIST);
	/* It is one more, not another. */
	request = asked("fd07::2", 128, lo);
	RETURNS(side->ioctl(s, SIOCSIFADDR, &request), 0);
	CHECK(is_bound_soon(side, &request));
	request = asked("fd07::1", 64, lo);
	CHECK(is_bound_soon(side, &request));
	request = asked("fd07::1", 63, lo);
	FAILS(side->ioctl(s, SIOCDIFADDR, &request), EADDRNOTAVAIL);
	request = asked("fd07::1", 64, lo);
	RETURNS(side->ioctl(s, SIOCDIFADDR, &request), 0);
	RETURNS(bound(side, &request), EADDRNOTAVAIL);
	FAILS(side->ioctl(s, SIOCDIFADDR, &request), EADDRNOTAVAIL);
	request = asked("fd07::2", 128, lo);
	CHECK(is_bound_soon(side, &request));
	RETURNS(side->ioctl(s, SIOCDIFADDR, &request), 0);

	request = asked("fd07::1", 129, lo);
	FAILS(side->ioctl(s, SIOCSIFADDR, &request), EINVAL);
	FAILS(side->ioctl(s, SIOCDIFADDR, &request), EINVAL);
	request = asked("fd07::1", 0xffffffff, lo);
	FAILS(side->ioctl(s, SIOCSIFADDR, &request), EINVAL);
	request = asked("fd07::1", 64, 4711);
	FAILS(side->ioctl(s, SIOCSIFADDR, &request), ENODEV);
	FAILS(side->ioctl(s, SIOCDIFADDR, &request), ENODEV);
	request = asked("fd07::1", 64, -1);
	FAILS(side->ioctl(s, SIOCSIFADDR, &request), ENODEV);
	request = asked("ff02::1", 64, lo);
	FAILS(side->ioctl(s, SIOCSIFADDR, &request), EADDRNOTAVAIL);
	request = asked("::", 64, lo);
	FAILS(side->ioctl(s, SIOCSIFADDR, &request), EADDRNOTAVAIL);
	FAILS(side->ioctl(s, SIOCSIFADDR, NULL), EFAULT);
	/* The family has no others. */
	FAILS(side->ioctl(s, SIOCGIFADDR, &named), ENOTTY);
	FAILS(side->ioctl(s, SIOCGIFNETMASK, &named), ENOTTY);
	FAILS(side->ioctl(s, SIOCSIFNETMASK, &named), ENOTTY);
	FAILS(side->ioctl(s, SIOCGIFBRDADDR, &named), ENOTTY);
	RETURNS(side->ioctl(s, SIOCGIFFLAGS, &named), 0);
	request = asked("fd07::1", 64, lo);
	RETURNS(side->seteuid(1), 0);
	FAILS(side->ioctl(s, SIOCSIFADDR, &request), EPERM);
	FAILS(side->ioctl(s, SIOCDIFADDR, &request), EPERM);
	RETURNS(side->seteuid(0), 0);
	RETURNS(side->close(s), 0);
}

/* At the host, in a namespace of our own. */
static void
addresses6_of_host(void)
{
	if (geteuid() == 0 && unshare(CLONE_NEWNET) == 0)
		addresses6(&host);
	else
		printf("no root or no namespaces: addresses of IPv6 are not set at the host\n");
}

/* Sends more than the other side takes: the rest waits. */
static void
unsent(void)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	int server = rump_sys_socket(AF_INET, SOCK_STREAM, 0), client = rump_sys_socket(AF_INET, SOCK_STREAM, 0), peer, value = 17;
	static char bytes[65536];

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	RETURNS(rump_sys_bind(server, (struct sockaddr *)&address, sizeof(address)), 0);
	RETURNS(rump_sys_listen(server, 1), 0);
	RETURNS(rump_sys_getsockname(server, (struct sockaddr *)&address, &length), 0);
	RETURNS(rump_sys_connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
	peer = rump_sys_accept(server, NULL, NULL);
	RETURNS(rump_sys_ioctl(client, TIOCOUTQ, &value), 0);
	CHECK(value == 0);
	while (rump_sys_send(client, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	CHECK(errno == EAGAIN);
	RETURNS(rump_sys_ioctl(client, TIOCOUTQ, &value), 0);
	CHECK(value > 0);
	FAILS(rump_sys_ioctl(client, TIOCOUTQ, NULL), EFAULT);
	RETURNS(rump_sys_close(client), 0);
	RETURNS(rump_sys_close(peer), 0);
	RETURNS(rump_sys_close(server), 0);
}

static void
amounts(void)
{
	int pair[2], space = 0, less = 0, value;

	RETURNS(rump_sys_socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	RETURNS(rump_sys_ioctl(pair[0], FIONSPACE, &space), 0);
	RETURNS(rump_sys_write(pair[0], "abcdefgh", 8), 8);
	RETURNS(rump_sys_ioctl(pair[0], FIONSPACE, &less), 0);
	CHECK(space - less >= 8);
	FAILS(rump_sys_ioctl(pair[0], TIOCOUTQ, &value), ENOTTY);
	FAILS(rump_sys_ioctl(pair[0], FIONREAD, NULL), EFAULT);
	FAILS(rump_sys_ioctl(pair[0], FIONBIO, NULL), EFAULT);
	FAILS(rump_sys_ioctl(pair[0], FIONSPACE, NULL), EFAULT);
	RETURNS(rump_sys_close(pair[0]), 0);
	RETURNS(rump_sys_close(pair[1]), 0);
}

int
main(void)
{
	RETURNS(rump_init(), 0);
	FAILS(rump_sys_ioctl(-1, FIONREAD, NULL), EBADF);
	files(&kernel);
	files(&host);
	loopback(&kernel);
	loopback(&host);
	interfaces();
	amounts();
	unsent();
	addresses6(&kernel);
	addresses6_of_host();
	return checked();
}
