/* bpf(4): a filter at lo0, and frames that are read with their headers. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "check.h"

/* At lo0, four bytes stand before the packet of IP. */
enum { HEAD = 4, HEADERS = HEAD + 20 + 8 };

/* Sends a datagram to oneself, at a port that nobody listens at. */
static void
send_to(int s, in_port_t port, const char *text)
{
	struct sockaddr_in address;

	memset(&address, 0, sizeof(address));
	address.sin_family = AF_INET;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	address.sin_port = htons(port);
	RETURNS(rump_sys_sendto(s, text, strlen(text), 0, (struct sockaddr *)&address, sizeof(address)), strlen(text));
}

int
main(void)
{
	/* Datagrams of UDP to the port 4711; of them all. */
	struct rump_bpf_insn instructions[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, HEAD + 9),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, HEAD + 20 + 2),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 4711, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct rump_bpf_insn wrong[] = { BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0) };
	struct rump_bpf_program program = { 6, instructions };
	struct rump_bpf_dltlist list = { 0, NULL };
	struct rump_bpf_version version;
	struct rump_bpf_stat counts;
	struct rump_bpf_hdr header;
	struct timeval timeout = { 2, 500000 }, told;
	struct ifreq request;
	unsigned int length = 0, value, links[4] = { 0, 0, 0, 0 };
	unsigned char *buffer;
	ssize_t got;
	int bpf, s;

	RETURNS(rump_init(), 0);
	s = rump_sys_socket(AF_INET, SOCK_DGRAM, 0);
	bpf = rump_sys_open("/dev/bpf", O_RDWR);
	CHECK(s >= 0 && bpf >= 0);
	RETURNS(rump_sys_ioctl(bpf, BIOCVERSION, &version), 0);
	CHECK(version.bv_major == 1);
	value = 4096;
	RETURNS(rump_sys_ioctl(bpf, BIOCSBLEN, &value), 0);
	RETURNS(rump_sys_ioctl(bpf, BIOCGBLEN, &length), 0);
	CHECK(length == 4096 && value == 4096);
	buffer = (unsigned char *)malloc(length);
	FAILS(rump_sys_ioctl(bpf, BIOCGDLT, &value), EINVAL);
	FAILS(rump_sys_read(bpf, buffer, length), ENXIO);
	memset(&request, 0, sizeof(request));
	strcpy(request.ifr_name, "nothing0");
	FAILS(rump_sys_ioctl(bpf, BIOCSETIF, &request), ENXIO);
	strcpy(request.ifr_name, "lo0");
	RETURNS(rump_sys_ioctl(bpf, BIOCSETIF, &request), 0);
	memset(&request, 0xff, sizeof(request));
	RETURNS(rump_sys_ioctl(bpf, BIOCGETIF, &request), 0);
	CHECK(strcmp(request.ifr_name, "lo0") == 0);
	FAILS(rump_sys_ioctl(bpf, BIOCSBLEN, &value), EINVAL);
	RETURNS(rump_sys_ioctl(bpf, BIOCPROMISC), 0);
	RETURNS(rump_sys_ioctl(bpf, BIOCGDLT, &value), 0);
	CHECK(value == 0);
	RETURNS(rump_sys_ioctl(bpf, BIOCGDLTLIST, &list), 0);
	CHECK(list.bfl_len == 1);
	list.bfl_len = 4;
	list.bfl_list = links;
	links[0] = links[1] = 0xffffffffU;
	RETURNS(rump_sys_ioctl(bpf, BIOCGDLTLIST, &list), 0);
	CHECK(list.bfl_len == 1 && links[0] == 0 && links[1] == 0xffffffffU);
	list.bfl_len = 0;
	FAILS(rump_sys_ioctl(bpf, BIOCGDLTLIST, &list), ENOMEM);
	FAILS(rump_sys_ioctl(bpf, BIOCGDLTLIST, NULL), EFAULT);

	RETURNS(rump_sys_ioctl(bpf, BIOCSETF, &program), 0);
	program.bf_len = 1;
	program.bf_insns = wrong;
	FAILS(rump_sys_ioctl(bpf, BIOCSETF, &program), EINVAL);
	program.bf_len = 513;
	FAILS(rump_sys_ioctl(bpf, BIOCSETF, &program), EINVAL);
	program.bf_len = 1;
	program.bf_insns = NULL;
	FAILS(rump_sys_ioctl(bpf, BIOCSETF, &program), EFAULT);
	FAILS(rump_sys_ioctl(bpf, BIOCSETF, NULL), EFAULT);
	FAILS(rump_sys_ioctl(bpf, BIOCGBLEN, NULL), EFAULT);
	FAILS(rump_sys_ioctl(bpf, BIOCSBLEN, NULL), EFAULT);
	value = 1;
	RETURNS(rump_sys_ioctl(bpf, BIOCIMMEDIATE, &value), 0);
	RETURNS(rump_sys_ioctl(bpf, BIOCSRTIMEOUT, &timeout), 0);
	RETURNS(rump_sys_ioctl(bpf, BIOCGRTIMEOUT, &told), 0);
	CHECK(told.tv_sec == 2 && told.tv_usec == 500000);
	timeout.tv_usec = 1000000;
	FAILS(rump_sys_ioctl(bpf, BIOCSRTIMEOUT, &timeout), EINVAL);

	/* The first is not wanted. */
	send_to(s, 4712, "other");
	send_to(s, 4711, "hello");
	FAILS(rump_sys_read(bpf, buffer, length - 1), EINVAL);
	got = rump_sys_read(bpf, buffer, length);
	CHECK(got > (ssize_t)sizeof(header));
	memcpy(&header, buffer, sizeof(header));
	CHECK(header.bh_datalen == HEADERS + 5 && header.bh_caplen == HEADERS + 5);
	CHECK(header.bh_sec > 0 && header.bh_usec >= 0 && header.bh_usec < 1000000);
	CHECK(got >= (ssize_t)(header.bh_hdrlen + header.bh_caplen));
	CHECK(got <= (ssize_t)RUMP_BPF_WORDALIGN(header.bh_hdrlen + header.bh_caplen));
	CHECK(memcmp(buffer + header.bh_hdrlen + HEADERS, "hello", 5) == 0);
	RETURNS(rump_sys_ioctl(bpf, BIOCGSTATS, &counts), 0);
	CHECK(counts.bs_recv >= 2 && counts.bs_capt >= 1 && counts.bs_drop == 0);
	CHECK(counts.bs_capt < counts.bs_recv);

	RETURNS(rump_sys_ioctl(bpf, BIOCFLUSH), 0);
	RETURNS(rump_sys_ioctl(bpf, BIOCGSTATS, &counts), 0);
	CHECK(counts.bs_recv == 0);
	/* Nothing may be written any more, and that stays so. */
	program.bf_len = 1;
	program.bf_insns = &instructions[5];
	RETURNS(rump_sys_ioctl(bpf, BIOCSETWF, &program), 0);
	memset(buffer, 0, 64);
	FAILS(rump_sys_write(bpf, buffer, 64), EPERM);
	RETURNS(rump_sys_ioctl(bpf, BIOCLOCK), 0);
	FAILS(rump_sys_ioctl(bpf, BIOCSETWF, &program), EPERM);
	FAILS(rump_sys_ioctl(bpf, TAPGIFNAME, &request), EPERM);
	RETURNS(rump_sys_close(bpf), 0);
	bpf = rump_sys_open("/dev/bpf", O_RDWR);
	FAILS(rump_sys_ioctl(bpf, TAPGIFNAME, &request), ENOTTY);
	FAILS(rump_sys_ioctl(bpf, 0x1234567890UL, &request), ENOTTY);
	RETURNS(rump_sys_close(bpf), 0);
	RETURNS(rump_sys_close(s), 0);
	free(buffer);
	return checked();
}
