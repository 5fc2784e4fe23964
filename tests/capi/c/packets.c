/* Networks of hosts of callbacks: two kernels at a wire, a kernel and a neighbour that is made by hand, hosts that fail. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <rump/netconfig.h>
#include <rump/rump.h>
#include <rump/rump_host.h>
#include <rump/rump_kernel.h>
#include <rump/rump_syscalls.h>

#include "check.h"
#include "wire.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

/* Tries of 10 ms. */
#define PATIENCE 1000
#define TICK 10000000

#define ETHERNET 14
#define IP 20
#define ECHO_BYTES 40
#define ECHO_FRAME (ETHERNET + IP + 8 + ECHO_BYTES)
#define ARP_FRAME (ETHERNET + 28)

struct machine {
	struct threads threads;
	struct wire wire;
	uint32_t mtu;
	uint8_t address[2][6];
	int open_fails, thread_fails, thread_is_late, open, lines;
};

static const uint8_t ours[6] = { 2, 0, 0, 0, 0, 1 }, theirs[6] = { 2, 0, 0, 0, 0, 2 };
static const uint8_t here[4] = { 10, 0, 0, 1 }, there[4] = { 10, 0, 0, 2 };

/* Counts what is said of devices: protocols may have something to say besides. */
static void
console(void *arg, const char *line, size_t length)
{
	static const char of_device[] = "network device ";
	const size_t begin = sizeof(of_device) - 1;

	count_by(&((struct machine *)arg)->lines, length > begin && memcmp(line, of_device, begin) == 0);
}

static void
realtime(void *arg, int64_t *sec, uint32_t *nsec)
{
	(void)arg;
	*sec = 86400;
	*nsec = 0;
}

static int
entropy(void *arg, void *buf, size_t length)
{
	static unsigned int state = 1;
	size_t at;

	(void)arg;
	for (at = 0; at < length; at++)
		((unsigned char *)buf)[at] = (unsigned char)(__atomic_add_fetch(&state, 2654435761u, __ATOMIC_SEQ_CST) >> 24);
	return 0;
}

static void
pass(void *arg, uint64_t nanoseconds)
{
	(void)arg;
	pause_for((int64_t)nanoseconds);
}

static int
packet_open(void *arg, const char *name, uint8_t address[6], uint32_t *mtu, void **end)
{
	struct machine *machine = (struct machine *)arg;
	int side = name[0] == '1';

	if (machine->open_fails != 0)
		return machine->open_fails;
	memcpy(address, machine->address[side], 6);
	*mtu = machine->mtu;
	*end = &machine->wire.ends[side];
	count_by(&machine->open, 1);
	return 0;
}

static void
packet_close(void *arg, void *end)
{
	struct machine *machine = (struct machine *)arg;

	(void)end;
	count_by(&machine->open, -1);
}

static void
later(void *argument)
{
	struct start start = *(struct start *)argument;

	free(argument);
	pause_for(200000000);
	start.body(start.of_body);
}

static int
whimsical_start(void *arg, const char *name, void (*body)(void *), void *of_body)
{
	struct machine *machine = (struct machine *)arg;
	struct start *start;

	if (machine->thread_fails)
		return EAGAIN;
	if (!machine->thread_is_late)
		return thread_start(arg, name, body, of_body);
	start = (struct start *)malloc(sizeof(*start));
	start->body = body;
	start->of_body = of_body;
	return thread_start(arg, name, later, start);
}

static struct rump_host
table(struct machine *machine)
{
	struct rump_host host;

	memset(&host, 0, sizeof(host));
	host.size = sizeof(host);
	host.version = RUMP_HOST_VERSION;
	host.arg = machine;
	host.console = console;
	host.realtime = realtime;
	host.monotonic = real_monotonic;
	host.random = entropy;
	host.sleep = pass;
	host.packet_open = packet_open;
	host.packet_receive = end_receive;
	host.packet_send = end_send;
	host.packet_wake = end_wake;
	host.packet_close = packet_close;
	wire_init(&machine->wire);
	machine->mtu = 1500;
	memcpy(machine->address[0], ours, 6);
	memcpy(machine->address[1], theirs, 6);
	return host;
}

static struct rump_host
threaded_table(struct machine *machine)
{
	struct rump_host host = table(machine);

	with_threads_of_posix(&host);
	host.thread_start = whimsical_start;
	return host;
}

static void
network(const char *link, const char *address)
{
	RETURNS(rump_pub_netconfig_ifcreate("virt0"), 0);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("virt0", link), 0);
	RETURNS(rump_pub_netconfig_ipv4_ifaddr_cidr("virt0", address, 24), 0);
	RETURNS(rump_pub_netconfig_ifup("virt0"), 0);
}

static int
patient(int type, int protocol)
{
	struct timeval timeout = { 10, 0 };
	int s = rump_sys_socket(AF_INET, type, protocol);

	CHECK(s >= 0);
	RETURNS(rump_sys_setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)), 0);
	return s;
}

static struct sockaddr_in
inet_address(const uint8_t address[4], int port)
{
	struct sockaddr_in made;

	memset(&made, 0, sizeof(made));
	made.sin_family = AF_INET;
	made.sin_port = htons((uint16_t)port);
	memcpy(&made.sin_addr, address, 4);
	return made;
}

/* Everything that a kernel had of its host is given back. */
static void
is_gone(struct machine *machine)
{
	int tries;

	for (tries = 0; tries < PATIENCE; tries++) {
		if (count_of(&machine->open) + count_of(&machine->threads.running) + count_of(&machine->threads.events) == 0)
			break;
		pause_for(TICK);
	}
	RETURNS(count_of(&machine->open), 0);
	RETURNS(count_of(&machine->threads.running), 0);
	RETURNS(count_of(&machine->threads.events), 0);
}

static void
destroy(struct rump_kernel *kernel)
{
	CHECK(rump_kernel_switch(NULL) != NULL);
	RETURNS(rump_kernel_destroy(kernel), 0);
}

/* Frames by hand. */

static uint16_t
checksum(const unsigned char *bytes, size_t length)
{
	uint32_t sum = 0;
	size_t at;

	for (at = 0; at < length; at++)
		sum += at % 2 == 0 ? (uint32_t)bytes[at] << 8 : bytes[at];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
put16(unsigned char *at, uint16_t value)
{
	at[0] = (unsigned char)(value >> 8);
	at[1] = (unsigned char)value;
}

static void
ethernet(unsigned char *frame, const uint8_t to[6], uint16_t type)
{
	memcpy(frame, to, 6);
	memcpy(frame + 6, theirs, 6);
	put16(frame + 12, type);
}

static void
make_arp(unsigned char frame[ARP_FRAME], uint16_t operation)
{
	static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
	static const unsigned char kind[6] = { 0, 1, 8, 0, 6, 4 };
	unsigned char *arp = frame + ETHERNET;

	memset(frame, 0, ARP_FRAME);
	ethernet(frame, operation == 1 ? all : ours, 0x0806);
	memcpy(arp, kind, 6);
	put16(arp + 6, operation);
	memcpy(arp + 8, theirs, 6);
	memcpy(arp + 14, there, 4);
	if (operation == 2)
		memcpy(arp + 18, ours, 6);
	memcpy(arp + 24, here, 4);
}

/* An echo from there to here, with an identifier and a number. */
static void
make_echo(unsigned char frame[ECHO_FRAME], uint8_t type, uint16_t number)
{
	unsigned char *ip = frame + ETHERNET, *icmp = ip + IP;

	memset(frame, 'e', ECHO_FRAME);
	ethernet(frame, ours, 0x0800);
	memset(ip, 0, IP + 8);
	ip[0] = 0x45;
	put16(ip + 2, ECHO_FRAME - ETHERNET);
	ip[8] = 64;
	ip[9] = 1;
	memcpy(ip + 12, there, 4);
	memcpy(ip + 16, here, 4);
	put16(ip + 10, checksum(ip, IP));
	icmp[0] = type;
	put16(icmp + 4, 0x4711);
	put16(icmp + 6, number);
	put16(icmp + 2, checksum(icmp, 8 + ECHO_BYTES));
}

static int
is_arp(const unsigned char *frame, size_t length, uint16_t operation)
{
	return length >= ARP_FRAME && frame[12] == 8 && frame[13] == 6 && frame[ETHERNET + 7] == operation &&
	    memcmp(frame + ETHERNET + 8, ours, 6) == 0 && memcmp(frame + ETHERNET + 14, here, 4) == 0 &&
	    memcmp(frame + ETHERNET + 24, there, 4) == 0;
}

/* From here to there, and right. */
static int
is_echo(const unsigned char *frame, size_t length, uint8_t type, uint16_t number)
{
	const unsigned char *ip = frame + ETHERNET, *icmp = ip + IP;

	return length == ECHO_FRAME && memcmp(frame, theirs, 6) == 0 && memcmp(frame + 6, ours, 6) == 0 && frame[12] == 8 &&
	    frame[13] == 0 && ip[9] == 1 && memcmp(ip + 12, here, 4) == 0 && memcmp(ip + 16, there, 4) == 0 &&
	    checksum(ip, IP) == 0 && checksum(icmp, 8 + ECHO_BYTES) == 0 && icmp[0] == type &&
	    icmp[6] == number >> 8 && icmp[7] == (number & 255);
}

static void
inject(struct machine *machine, const void *frame, size_t length)
{
	RETURNS(end_send(machine, &machine->wire.ends[1], frame, length), 0);
}

/* The next frame of the kernel, which is driven meanwhile if nobody else does. */
static int
next(struct machine *machine, unsigned char frame[FRAME_BYTES], size_t *length)
{
	int tries;

	for (tries = 0; tries < PATIENCE; tries++) {
		if (count_of(&machine->threads.begun) == 0)
			CHECK(rump_host_poll() >= -1);
		if (end_receive(machine, &machine->wire.ends[1], frame, FRAME_BYTES, length, TICK) == 0)
			return 1;
	}
	return 0;
}

/* The neighbour asks who we are, and for an echo. */
static void
asks(struct machine *machine, uint16_t number)
{
	unsigned char frame[FRAME_BYTES], arp[ARP_FRAME], echo[ECHO_FRAME];
	size_t length = 0;
	int is_there;

	make_arp(arp, 1);
	inject(machine, arp, sizeof(arp));
	while ((is_there = next(machine, frame, &length)) && !is_arp(frame, length, 2))
		;
	CHECK(is_there);
	make_echo(echo, 8, number);
	inject(machine, echo, sizeof(echo));
	while ((is_there = next(machine, frame, &length)) && !is_echo(frame, length, 0, number))
		;
	CHECK(is_there);
	CHECK(memcmp(frame + ECHO_FRAME - ECHO_BYTES, echo + ECHO_FRAME - ECHO_BYTES, ECHO_BYTES) == 0);
}

/* The neighbour is asked. */
static void
is_asked(struct machine *machine, uint16_t number)
{
	struct sockaddr_in to = inet_address(there, 0), from;
	socklen_t size = sizeof(from);
	unsigned char frame[FRAME_BYTES], made[ECHO_FRAME];
	size_t length = 0;
	int is_there, s = patient(SOCK_RAW, IPPROTO_ICMP);

	make_echo(made, 8, number);
	RETURNS(rump_sys_sendto(s, made + ETHERNET + IP, 8 + ECHO_BYTES, 0, (struct sockaddr *)&to, sizeof(to)), 8 + ECHO_BYTES);
	while ((is_there = next(machine, frame, &length)) && !is_echo(frame, length, 8, number)) {
		if (is_arp(frame, length, 1)) {
			make_arp(frame, 2);
			inject(machine, frame, ARP_FRAME);
		}
	}
	CHECK(is_there);
	make_echo(made, 0, number);
	inject(machine, made, sizeof(made));
	RETURNS(rump_sys_recvfrom(s, frame, sizeof(frame), 0, (struct sockaddr *)&from, &size), ECHO_FRAME - ETHERNET);
	CHECK(memcmp(&from.sin_addr, there, 4) == 0);
	CHECK(memcmp(frame + IP, made + ETHERNET + IP, 8 + ECHO_BYTES) == 0);
	RETURNS(rump_sys_close(s), 0);
}

static void
datagrams(struct rump_kernel *one, struct rump_kernel *other)
{
	struct sockaddr_in to = inet_address(there, 7), from;
	socklen_t size = sizeof(from);
	char bytes[1600];
	int asker, answerer;

	CHECK(rump_kernel_switch(other) != NULL);
	answerer = patient(SOCK_DGRAM, 0);
	RETURNS(rump_sys_bind(answerer, (struct sockaddr *)&to, sizeof(to)), 0);
	CHECK(rump_kernel_switch(one) == other);
	asker = patient(SOCK_DGRAM, 0);
	memset(bytes, 'd', sizeof(bytes));
	/* Longer than a frame. */
	RETURNS(rump_sys_sendto(asker, bytes, sizeof(bytes), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(bytes));
	CHECK(rump_kernel_switch(other) == one);
	RETURNS(rump_sys_recvfrom(answerer, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size), sizeof(bytes));
	CHECK(memcmp(&from.sin_addr, here, 4) == 0);
	RETURNS(rump_sys_sendto(answerer, "and back", 8, 0, (struct sockaddr *)&from, size), 8);
	RETURNS(rump_sys_close(answerer), 0);
	CHECK(rump_kernel_switch(one) == other);
	RETURNS(rump_sys_recvfrom(asker, bytes, sizeof(bytes), 0, NULL, NULL), 8);
	CHECK(memcmp(bytes, "and back", 8) == 0);
	RETURNS(rump_sys_close(asker), 0);
}

static char sent[30000], received[30000];

static void
passes(struct rump_kernel *from, int sender, struct rump_kernel *to, int receiver)
{
	size_t at;

	for (at = 0; at < sizeof(sent); at++)
		sent[at] = (char)(at % 251);
	memset(received, 0, sizeof(received));
	CHECK(rump_kernel_switch(from) != NULL);
	RETURNS(rump_sys_write(sender, sent, sizeof(sent)), sizeof(sent));
	CHECK(rump_kernel_switch(to) == from);
	RETURNS(rump_sys_recvfrom(receiver, received, sizeof(received), MSG_WAITALL, NULL, NULL), sizeof(received));
	CHECK(memcmp(sent, received, sizeof(sent)) == 0);
}

static void
streams(struct rump_kernel *one, struct rump_kernel *other)
{
	struct sockaddr_in to = inet_address(there, 80);
	int server, peer, client;

	CHECK(rump_kernel_switch(other) != NULL);
	server = patient(SOCK_STREAM, 0);
	RETURNS(rump_sys_bind(server, (struct sockaddr *)&to, sizeof(to)), 0);
	RETURNS(rump_sys_listen(server, 1), 0);
	CHECK(rump_kernel_switch(one) == other);
	client = patient(SOCK_STREAM, 0);
	RETURNS(rump_sys_connect(client, (struct sockaddr *)&to, sizeof(to)), 0);
	CHECK(rump_kernel_switch(other) == one);
	peer = rump_sys_accept(server, NULL, NULL);
	CHECK(peer >= 0);
	passes(one, client, other, peer);
	passes(other, peer, one, client);
}

/* Sockets stay open, interfaces up, and a thread of the program waits: all of it ends. */
static void *
waiter(void *kernel)
{
	char byte;
	int s;

	rump_kernel_switch((struct rump_kernel *)kernel);
	s = patient(SOCK_DGRAM, 0);
	FAILS(rump_sys_recvfrom(s, &byte, 1, 0, NULL, NULL), ENXIO);
	return NULL;
}

static void
two_kernels(void)
{
	static struct machine machine;
	struct rump_host host = threaded_table(&machine);
	struct rump_kernel *one = rump_kernel_create(&host), *other = rump_kernel_create(&host);
	pthread_t thread;

	CHECK(one != NULL && other != NULL);
	CHECK(rump_kernel_switch(one) != NULL);
	network("0", "10.0.0.1");
	CHECK(rump_kernel_switch(other) == one);
	network("1", "10.0.0.2");
	datagrams(one, other);
	streams(one, other);
	RETURNS(pthread_create(&thread, NULL, waiter, one), 0);
	pause_for(50000000);
	destroy(one);
	RETURNS(pthread_join(thread, NULL), 0);
	destroy(other);
	is_gone(&machine);
}

static void
neighbour(int has_threads)
{
	struct machine *machine = (struct machine *)calloc(1, sizeof(*machine));
	struct rump_host host = has_threads ? threaded_table(machine) : table(machine);
	struct rump_kernel *kernel = rump_kernel_create(&host);

	CHECK(kernel != NULL);
	CHECK(rump_kernel_switch(kernel) != NULL);
	network("0", "10.0.0.1");
	asks(machine, 1);
	is_asked(machine, 2);
	RETURNS(rump_pub_netconfig_ifdestroy("virt0"), 0);
	RETURNS(count_of(&machine->open), 0);
	network("0", "10.0.0.1");
	is_asked(machine, 3);
	asks(machine, 4);
	destroy(kernel);
	is_gone(machine);
	/* Nobody calls it any more. */
	free(machine);
}

/* Ends that cannot be opened are none. */
static void
unopened(struct machine *machine)
{
	static const struct {
		int fails;
		uint32_t mtu;
		uint8_t first;
		int wanted;
	} tries[] = {
		{ ENOENT, 1500, 2, ENOENT },
		{ 4711, 1500, 2, EIO },
		{ -1, 1500, 2, EIO },
		{ 0, 0, 2, EINVAL },
		{ 0, 67, 2, EINVAL },
		{ 0, 65536, 2, EINVAL },
		{ 0, 0xffffffff, 2, EINVAL },
		{ 0, 1500, 3, EINVAL },
	};
	size_t at;

	RETURNS(rump_pub_netconfig_ifcreate("virt0"), 0);
	for (at = 0; at < sizeof(tries) / sizeof(tries[0]); at++) {
		machine->open_fails = tries[at].fails;
		machine->mtu = tries[at].mtu;
		machine->address[0][0] = tries[at].first;
		RETURNS(rump_pub_netconfig_ifsetlinkstr("virt0", "0"), tries[at].wanted);
		RETURNS(count_of(&machine->open), 0);
	}
	machine->open_fails = 0;
	machine->mtu = 1500;
	machine->address[0][0] = ours[0];
	machine->thread_fails = 1;
	RETURNS(rump_pub_netconfig_ifsetlinkstr("virt0", "0"), EAGAIN);
	RETURNS(count_of(&machine->open), 0);
	machine->thread_fails = 0;
	RETURNS(rump_pub_netconfig_ifdestroy("virt0"), 0);
}

/* Frames that are none: of all short lengths, of noise, longer than there was room for. */
static void
noise(struct machine *machine)
{
	unsigned char bytes[FRAME_BYTES], echo[ECHO_FRAME];
	size_t length;
	int at;

	make_echo(echo, 8, 5);
	for (length = 0; length < ECHO_FRAME; length++)
		inject(machine, echo, length);
	asks(machine, 6);
	for (at = 0; at < 200; at++) {
		entropy(NULL, bytes, sizeof(bytes));
		memcpy(bytes, echo, (size_t)at % 40);
		inject(machine, bytes, sizeof(bytes) - (size_t)at);
		if (at % 50 == 49)
			asks(machine, 7);
	}
	set_whim(&machine->wire.ends[0], LIES);
	for (at = 0; at < 200; at++)
		inject(machine, echo, sizeof(echo));
	for (at = 0; at < PATIENCE && count_of((int *)&machine->wire.queues[0].count) != 0; at++)
		pause_for(TICK);
	set_whim(&machine->wire.ends[0], GOOD);
	asks(machine, 8);
}

/* What cannot be sent is lost, and no more than that. */
static void
unsent(struct machine *machine, enum whim whim)
{
	struct sockaddr_in to = inet_address(there, 7);
	struct end *end = &machine->wire.ends[0];
	int s = patient(SOCK_DGRAM, 0), tries;

	set_whim(end, whim);
	count_by(&end->lost, -count_of(&end->lost));
	for (tries = 0; tries < PATIENCE && count_of(&end->lost) == 0; tries++) {
		(void)rump_sys_sendto(s, "lost", 4, 0, (struct sockaddr *)&to, sizeof(to));
		pause_for(TICK);
	}
	CHECK(count_of(&end->lost) > 0);
	set_whim(end, GOOD);
	RETURNS(rump_sys_close(s), 0);
}

/* An end that fails is told of once; its interface can be taken away, and another made. */
static void
failed(struct machine *machine, enum whim whim)
{
	int lines = count_of(&machine->lines), tries;

	set_whim(&machine->wire.ends[0], whim);
	for (tries = 0; tries < PATIENCE && count_of(&machine->lines) == lines; tries++)
		pause_for(TICK);
	RETURNS(count_of(&machine->lines), lines + 1);
	RETURNS(rump_pub_netconfig_ifdestroy("virt0"), 0);
	RETURNS(count_of(&machine->open), 0);
	set_whim(&machine->wire.ends[0], GOOD);
	network("0", "10.0.0.1");
	asks(machine, 9);
}

static void
late(struct machine *machine)
{
	set_whim(&machine->wire.ends[0], IS_LATE);
	RETURNS(rump_pub_netconfig_ifdestroy("virt0"), 0);
	RETURNS(count_of(&machine->open), 0);
	machine->thread_is_late = 1;
	network("0", "10.0.0.1");
	asks(machine, 10);
	RETURNS(rump_pub_netconfig_ifdestroy("virt0"), 0);
	/* One that has not begun when it is to end. */
	network("0", "10.0.0.1");
	RETURNS(rump_pub_netconfig_ifdestroy("virt0"), 0);
	RETURNS(count_of(&machine->open), 0);
	machine->thread_is_late = 0;
	set_whim(&machine->wire.ends[0], GOOD);
}

static void
hostile(void)
{
	static struct machine machine;
	struct rump_host host = threaded_table(&machine);
	struct rump_kernel *kernel;

	host.packet_wake = NULL;
	CHECK(rump_kernel_create(&host) == NULL);
	RETURNS(errno, EINVAL);
	host = threaded_table(&machine);
	kernel = rump_kernel_create(&host);
	CHECK(kernel != NULL);
	CHECK(rump_kernel_switch(kernel) != NULL);
	unopened(&machine);
	network("0", "10.0.0.1");
	noise(&machine);
	unsent(&machine, SEND_FAILS);
	unsent(&machine, SEND_IS_FULL);
	asks(&machine, 11);
	failed(&machine, RECEIVE_FAILS);
	failed(&machine, IS_GONE);
	late(&machine);
	destroy(kernel);
	is_gone(&machine);
}

/* A host without networks. */
static void
none(void)
{
	static struct machine machine;
	struct rump_host host = table(&machine);
	struct rump_kernel *kernel;

	host.packet_open = NULL;
	host.packet_receive = NULL;
	host.packet_send = NULL;
	host.packet_wake = NULL;
	host.packet_close = NULL;
	kernel = rump_kernel_create(&host);
	CHECK(kernel != NULL);
	CHECK(rump_kernel_switch(kernel) != NULL);
	RETURNS(rump_pub_netconfig_ifcreate("virt0"), 0);
	RETURNS(rump_pub_netconfig_ifsetlinkstr("virt0", "0"), ENOSYS);
	destroy(kernel);
}

int
main(void)
{
	two_kernels();
	neighbour(1);
	neighbour(0);
	hostile();
	none();
	return checked();
}
