/* Networks with Linux at the other side of a tap, in a namespace of this program: it is pinged, gives leases, and tells of IPv6.
 * That takes root, /dev/net/tun, ip, ping, dnsmasq and radvd: what is missing is told, and its part left out. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <rump/netconfig.h>
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

/* Tries of 100 ms. */
#define PATIENCE 200

static void
let_pass(void)
{
	struct timespec while_ = { 0, 100000000 };

	nanosleep(&while_, NULL);
}

static int
has(const char *program)
{
	char command[128];

	snprintf(command, sizeof(command), "command -v %s > /dev/null", program);
	if (system(command) == 0)
		return 1;
	printf("no %s: its part is left out\n", program);
	return 0;
}

/* Runs a command in the shell. */
static void
does(const char *command)
{
	int status = system(command);

	if (!check_(status == 0, command, __FILE__, __LINE__))
		printf("its status: %d\n", status);
}

/* Begins a program that ends with this one. */
static pid_t
begin(const char *const arguments[])
{
	pid_t child = fork();

	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp(arguments[0], (char *const *)arguments);
		_exit(127);
	}
	CHECK(child > 0);
	return child;
}

static void
end(pid_t child)
{
	int status;

	CHECK(kill(child, SIGKILL) == 0);
	CHECK(waitpid(child, &status, 0) == child);
	/* It ran until then. */
	CHECK(WIFSIGNALED(status));
}

static struct sockaddr_in
inet_address(const char *text, int port)
{
	struct sockaddr_in made;

	memset(&made, 0, sizeof(made));
	made.sin_family = AF_INET;
	made.sin_port = htons((uint16_t)port);
	CHECK(inet_pton(AF_INET, text, &made.sin_addr) == 1);
	return made;
}

static void
limit(int s, int is_kernel)
{
	struct timeval timeout = { 20, 0 };

	CHECK(s >= 0);
	RETURNS((is_kernel ? rump_sys_setsockopt : setsockopt)(s, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
}

/* A datagram to Linux, and one back. */
static void
exchanges(struct sockaddr *to, socklen_t size)
{
	struct sockaddr_storage from;
	socklen_t length = sizeof(from);
	char bytes[8];
	int host = socket(to->sa_family, SOCK_DGRAM, 0), kernel = rump_sys_socket(to->sa_family, SOCK_DGRAM, 0);

	limit(host, 0);
	limit(kernel, 1);
	RETURNS(bind(host, to, size), 0);
	RETURNS(rump_sys_sendto(kernel, "there", 5, 0, to, size), 5);
	RETURNS(recvfrom(host, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &length), 5);
	CHECK(memcmp(bytes, "there", 5) == 0);
	RETURNS(sendto(host, "back", 4, 0, (struct sockaddr *)&from, length), 4);
	RETURNS(rump_sys_recvfrom(kernel, bytes, sizeof(bytes), 0, NULL, NULL), 4);
	CHECK(memcmp(bytes, "back", 4) == 0);
	RETURNS(close(host), 0);
	RETURNS(rump_sys_close(kernel), 0);
}

static void
pinged(void)
{
	struct sockaddr_in to = inet_address("10.9.0.1", 7);

	RETURNS(rump_pub_netconfig_ifcreate("virt0"), 0);
	RETURNS(rump_pub_netconfig_ifup("virt0"), ENXIO);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("virt0", "tap0"), 0);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("virt0", "tap0"), EBUSY);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr("virt0", "10.9.0.2", "255.255.255.0"), 0);
	RETURNS(rump_pub_netconfig_ifup("virt0"), 0);
	does("ip addr add 10.9.0.1/24 dev tap0 && ip link set tap0 up");
	exchanges((struct sockaddr *)&to, sizeof(to));
	if (has("ping")) {
		does("ping -q -c 1 -w 20 10.9.0.2 > ping.out");
		RETURNS(rump_pub_netconfig_ifdown("virt0"), 0);
		CHECK(system("ping -q -c 1 -w 1 10.9.0.2 > ping.out") != 0);
		RETURNS(rump_pub_netconfig_ifup("virt0"), 0);
		does("ping -q -c 1 -w 20 10.9.0.2 > ping.out");
	}
	RETURNS(rump_pub_netconfig_ifdestroy("virt0"), 0);
	/* The tap was its own, and is gone. */
	CHECK(system("ip link show tap0 > ip.out 2>&1") != 0);
}

/* The first address of an interface, as it is written. */
static const char *
address_of(const char *interface)
{
	static char text[INET_ADDRSTRLEN];
	struct ifreq request;
	struct sockaddr_in found;
	int s = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);

	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
	RETURNS(rump_sys_ioctl(s, SIOCGIFADDR, &request), 0);
	memcpy(&found, &request.ifr_addr, sizeof(found));
	RETURNS(rump_sys_close(s), 0);
	return inet_ntop(AF_INET, &found.sin_addr, text, sizeof(text));
}

static void
leased(void)
{
	/* It stays where it was begun, and whom. */
	static const char *const server[] = { "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=tap1",
		"--bind-interfaces", "--no-ping", "--dhcp-authoritative", "--dhcp-range=10.8.0.50,10.8.0.60,255.255.255.0,2m",
		"--dhcp-option=3,10.8.0.1", "--dhcp-leasefile=leases", NULL };
	struct sockaddr_in far = inet_address("192.0.2.1", 7), own;
	socklen_t size = sizeof(own);
	char command[128];
	pid_t dnsmasq;
	int s;

	RETURNS(rump_pub_netconfig_ifcreate("virt1"), 0);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("virt1", "tap1"), 0);
	does("ip addr add 10.8.0.1/24 dev tap1 && ip link set tap1 up");
	dnsmasq = begin(server);
	RETURNS(rump_pub_netconfig_dhcp_ipv4_oneshot("virt1"), 0);
	printf("leased: %s\n", address_of("virt1"));
	CHECK(strncmp(address_of("virt1"), "10.8.0.", 7) == 0);
	CHECK(atoi(address_of("virt1") + 7) >= 50 && atoi(address_of("virt1") + 7) <= 60);
	snprintf(command, sizeof(command), "grep -q ' %s ' leases", address_of("virt1"));
	does(command);
	/* There is a way to what is far, by the router that was told. */
	s = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);
	RETURNS(rump_sys_connect(s, (struct sockaddr *)&far, sizeof(far)), 0);
	RETURNS(rump_sys_getsockname(s, (struct sockaddr *)&own, &size), 0);
	CHECK(strcmp(inet_ntoa(own.sin_addr), address_of("virt1")) == 0);
	RETURNS(rump_sys_close(s), 0);
	if (has("ping")) {
		snprintf(command, sizeof(command), "ping -q -c 1 -w 20 %s > ping.out", address_of("virt1"));
		does(command);
	}
	end(dnsmasq);
	RETURNS(rump_pub_netconfig_ifdestroy("virt1"), 0);
}

/* Whether there is a way to an address from one that begins alike. */
static int
is_near(const struct sockaddr_in6 *to)
{
	struct sockaddr_in6 own;
	socklen_t size = sizeof(own);
	int s = rump_sys_socket(AF_INET6, SOCK_DGRAM, 0), found;

	CHECK(s >= 0);
	found = rump_sys_connect(s, (const struct sockaddr *)to, sizeof(*to)) == 0 &&
	    rump_sys_getsockname(s, (struct sockaddr *)&own, &size) == 0 && memcmp(&own.sin6_addr, &to->sin6_addr, 8) == 0;
	RETURNS(rump_sys_close(s), 0);
	return found;
}

static void
advertised(void)
{
	static const char *const daemon[] = { "radvd", "-n", "-C", "radvd.conf", "-p", "radvd.pid", "-m", "logfile", "-l",
		"radvd.log", NULL };
	static const char text[] = "interface tap2 { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4;"
	                           " prefix fd09:1::/64 { AdvOnLink on; AdvAutonomous on; }; };\n";
	struct sockaddr_in6 to;
	FILE *configuration = fopen("radvd.conf", "w");
	pid_t radvd;
	int tries;

	CHECK(configuration != NULL && fputs(text, configuration) >= 0 && fclose(configuration) == 0);
	memset(&to, 0, sizeof(to));
	to.sin6_family = AF_INET6;
	to.sin6_port = htons(7);
	CHECK(inet_pton(AF_INET6, "fd09:1::1", &to.sin6_addr) == 1);
	RETURNS(rump_pub_netconfig_ifcreate("virt2"), 0);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("virt2", "tap2"), 0);
	does("echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
	does("ip addr add fd09:1::1/64 dev tap2 nodad && ip link set tap2 up");
	CHECK(!is_near(&to));
	radvd = begin(daemon);
	RETURNS(rump_pub_netconfig_auto_ipv6("virt2"), 0);
	for (tries = 0; tries < PATIENCE && !is_near(&to); tries++)
		let_pass();
	CHECK(tries < PATIENCE);
	exchanges((struct sockaddr *)&to, sizeof(to));
	end(radvd);
	RETURNS(rump_pub_netconfig_ifdestroy("virt2"), 0);
}

static int
is_possible(void)
{
	if (geteuid() != 0 || access("/dev/net/tun", R_OK | W_OK) != 0 || unshare(CLONE_NEWNET) != 0) {
		printf("no root, no /dev/net/tun or no namespaces: taps are left out\n");
		return 0;
	}
	return has("ip");
}

static void
taps(void)
{
	if (!is_possible())
		return;
	does("ip link set lo up");
	pinged();
	if (has("dnsmasq"))
		leased();
	if (has("radvd"))
		advertised();
}
#else
static void
taps(void)
{
}
#endif

int
main(void)
{
	RETURNS(rump_init(), 0);
	taps();
	/* A name that no tap can have. */
	RETURNS(rump_pub_netconfig_ifcreate("virt9"), 0);
	CHECK(rump_pub_netconfig_ifsetlinkstr("virt9", "a-name-of-more-than-fifteen-bytes") != 0);
	RETURNS(rump_pub_netconfig_ifup("virt9"), ENXIO);
	RETURNS(rump_pub_netconfig_ifdestroy("virt9"), 0);
	return checked();
}
