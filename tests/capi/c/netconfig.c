/* Interfaces and their configuration. */
#include <rump/netconfig.h>
#include <rump/rump.h>
#include <rump/rump_kernel.h>
#include <rump/rump_syscalls.h>

#include "check.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void
errors(void)
{
	RETURNS(rump_pub_netconfig_ifcreate(NULL), EFAULT);
	RETURNS(rump_pub_netconfig_ifcreate("nothing0"), EINVAL);
	RETURNS(rump_pub_netconfig_ifcreate("lo0"), EEXIST);
	RETURNS(rump_pub_netconfig_ifup("nothing0"), ENXIO);
	RETURNS(rump_pub_netconfig_ifdown("nothing0"), ENXIO);
	RETURNS(rump_pub_netconfig_ifdestroy("nothing0"), ENXIO);
	RETURNS(rump_pub_netconfig_ifdestroy("lo0"), EINVAL);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("nothing0", "x"), ENXIO);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("lo0", "x"), EBUSY);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("lo0", NULL), EFAULT);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr("lo0", "10.0.0", "255.0.0.0"), EINVAL);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr("lo0", "10.0.0.1", "255.0.255.0"), EINVAL);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("lo0", "10.0.0.1", 33), EINVAL);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("lo0", "10.0.0.1", -1), EINVAL);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("lo0", "224.0.0.1", 24), EADDRNOTAVAIL);
	RETURNS(rump_pub_netconfig_ipv6_ifaddr("lo0", "10.0.0.1", 64), EINVAL);
	RETURNS(rump_pub_netconfig_ipv6_ifaddr("lo0", "fd00::1", 129), EINVAL);
	RETURNS(rump_pub_netconfig_ipv4_gw("fd00::1"), EINVAL);
	RETURNS(rump_pub_netconfig_ipv4_gw("10.9.9.9"), ENETUNREACH);
	RETURNS(rump_pub_netconfig_ipv6_gw("fd09::1"), ENETUNREACH);
	RETURNS(rump_pub_netconfig_bradd("lo0", "lo0"), EINVAL);
	RETURNS(rump_pub_netconfig_bradd("bridge0", "lo0"), ENXIO);
	RETURNS(rump_pub_netconfig_dhcp_ipv4_oneshot("lo0"), EINVAL);
	RETURNS(rump_pub_netconfig_auto_ipv6("nothing0"), ENXIO);
	RETURNS(rump_pub_netconfig_auto_ipv6(NULL), EFAULT);
	RETURNS(rump_pub_netconfig_ifdestroy(NULL), EFAULT);
	RETURNS(rump_pub_netconfig_ifup(NULL), EFAULT);
	RETURNS(rump_pub_netconfig_ifdown(NULL), EFAULT);
	RETURNS(rump_pub_netconfig_bradd(NULL, "lo0"), EFAULT);
	RETURNS(rump_pub_netconfig_brdel("bridge0", NULL), EFAULT);
	RETURNS(rump_pub_netconfig_dhcp_ipv4_oneshot(NULL), EFAULT);
	RETURNS(rump_pub_netconfig_dhcp_ipv4_oneshot("nothing0"), ENXIO);
	RETURNS(rump_pub_netconfig_ipv4_gw(NULL), EFAULT);
	RETURNS(rump_pub_netconfig_ipv6_gw(NULL), EFAULT);
	RETURNS(rump_pub_netconfig_ipv6_gw("10.0.0.1"), EINVAL);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr(NULL, "10.0.0.1", "255.0.0.0"), EFAULT);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr("nothing0", "10.0.0.1", "255.0.0.0"), ENXIO);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr("lo0", "224.0.0.1", "255.0.0.0"), EADDRNOTAVAIL);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("lo0", NULL, 8), EFAULT);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("nothing0", "10.0.0.1", 8), ENXIO);
	RETURNS(rump_pub_netconfig_ipv6_ifaddr("lo0", NULL, 64), EFAULT);
	RETURNS(rump_pub_netconfig_ipv6_ifaddr("nothing0", "fd00::1", 64), ENXIO);
	RETURNS(rump_pub_netconfig_ipv6_ifaddr("lo0", "ff02::1", 64), EADDRNOTAVAIL);
	RETURNS(rump_pub_netconfig_brdel("lo0", "lo0"), EINVAL);
	RETURNS(rump_pub_netconfig_brdel("nothing0", "lo0"), ENXIO);
}

static void
kinds(void)
{
	RETURNS(rump_pub_netconfig_ifcreate("lo1"), 0);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("lo1", "10.7.0.1", 24), 0);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("lo1", "10.7.0.1", 24), EEXIST);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr("lo1", "10.8.0.1", "255.255.0.0"), 0);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr("lo1", "10.8.0.1", "255.255.0.0"), EEXIST);
	RETURNS(rump_pub_netconfig_ipv6_ifaddr("lo1", "fd07::1", 64), 0);
	RETURNS(rump_pub_netconfig_ipv6_ifaddr("lo1", "fd07::1", 64), EEXIST);
	RETURNS(rump_pub_netconfig_ipv6_gw("fd07::2"), 0);
	RETURNS(rump_pub_netconfig_ipv6_gw("fd07::2"), EEXIST);
	RETURNS(rump_pub_netconfig_ifup("lo1"), 0);
	RETURNS(rump_pub_netconfig_ifdestroy("lo1"), 0);
	RETURNS(rump_pub_netconfig_ifcreate("bridge0"), 0);
	RETURNS(rump_pub_netconfig_ifcreate("vlan0"), 0);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("vlan0", "\377"), EINVAL);
	RETURNS(rump_pub_netconfig_ifdestroy("vlan0"), 0);
	RETURNS(rump_pub_netconfig_brdel("bridge0", "lo0"), ENOENT);
}

static void
send_to(const char *address, int fd)
{
	struct sockaddr_in to;

	memset(&to, 0, sizeof(to));
	to.sin_family = AF_INET;
	to.sin_port = htons(7);
	inet_pton(AF_INET, address, &to.sin_addr);
	RETURNS(rump_sys_sendto(fd, "hello", 5, 0, (struct sockaddr *)&to, sizeof(to)), 5);
}

/* Two kernels at one bus. */
static void
buses(const char *bus)
{
	struct rump_kernel *other = rump_kernel_create(NULL);
	struct sockaddr_in here;
	char bytes[8];
	int unit = -1, server, client;

	RETURNS(rump_pub_shmif_create(NULL, &unit), 0);
	RETURNS(unit, 0);
	RETURNS(rump_pub_netconfig_ifup("shmif0"), ENXIO);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("shmif0", "/nowhere/at/all"), ENOENT);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("shmif0", bus), 0);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("shmif0", bus), EBUSY);
	RETURNS(rump_pub_shmif_create(bus, &unit), 0);
	RETURNS(unit, 1);
	RETURNS(rump_pub_netconfig_bradd("bridge0", "shmif1"), 0);
	RETURNS(rump_pub_netconfig_bradd("bridge0", "shmif1"), EEXIST);
	RETURNS(rump_pub_netconfig_ifcreate("bridge1"), 0);
	RETURNS(rump_pub_netconfig_bradd("bridge1", "shmif1"), EBUSY);
	RETURNS(rump_pub_netconfig_ifdestroy("bridge1"), 0);
	RETURNS(rump_pub_netconfig_brdel("bridge0", "shmif1"), 0);
	RETURNS(rump_pub_netconfig_ifdestroy("shmif1"), 0);
	RETURNS(rump_pub_shmif_create("/nowhere/at/all", &unit), ENOENT);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("shmif0", "10.1.0.1", 24), 0);
	RETURNS(rump_pub_netconfig_ipv4_gw("10.1.0.254"), 0);
	RETURNS(rump_pub_netconfig_ipv4_gw("10.1.0.254"), EEXIST);
	RETURNS(rump_pub_netconfig_ifup("shmif0"), 0);
	RETURNS(rump_pub_netconfig_auto_ipv6("shmif0"), 0);
	server = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);
	memset(&here, 0, sizeof(here));
	here.sin_family = AF_INET;
	here.sin_port = htons(7);
	RETURNS(rump_sys_bind(server, (struct sockaddr *)&here, sizeof(here)), 0);

	CHECK(rump_kernel_switch(other) != NULL);
	RETURNS(rump_pub_shmif_create(bus, NULL), 0);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("shmif0", "10.1.0.2", 24), 0);
	RETURNS(rump_pub_netconfig_ifup("shmif0"), 0);
	client = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);
	send_to("10.1.0.1", client);
	CHECK(rump_kernel_switch(NULL) == other);
	RETURNS(rump_sys_recvfrom(server, bytes, sizeof(bytes), 0, NULL, NULL), 5);
	CHECK(memcmp(bytes, "hello", 5) == 0);
	RETURNS(rump_pub_netconfig_ifdown("shmif0"), 0);
	RETURNS(rump_kernel_destroy(other), 0);
}

int
main(void)
{
	char path[] = "/tmp/rump-netconfig-XXXXXX";

	RETURNS(rump_pub_netconfig_ifcreate("lo1"), ENXIO);
	RETURNS(rump_pub_netconfig_ipv4_gw("10.0.0.1"), ENXIO);
	RETURNS(rump_pub_netconfig_ipv6_gw("fd00::1"), ENXIO);
	RETURNS(rump_pub_shmif_create(NULL, NULL), ENXIO);
	CHECK(mkstemp(path) >= 0);
	RETURNS(rump_init(), 0);
	errors();
	kinds();
	buses(path);
	unlink(path);
	return checked();
}
