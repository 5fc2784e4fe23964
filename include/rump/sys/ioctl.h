/*
 * Requests to files, sockets, interfaces and devices. Those that hosts have are the host's, with its structures (struct ifreq,
 * struct rtentry). Those of bpf(4), tap(4) and tun(4) are NetBSD's, and are here; the structures are those that a host of 64 bits
 * makes of the same members.
 */
#ifndef RUMP_SYS_IOCTL_H
#define RUMP_SYS_IOCTL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How many bytes can be written: int. */
#define RUMP_FIONSPACE 0x40046678UL

/* An instruction of a filter, and a filter. */
struct rump_bpf_insn {
	uint16_t code;
	uint8_t jt;
	uint8_t jf;
	uint32_t k;
};
struct rump_bpf_program {
	unsigned int bf_len;
	struct rump_bpf_insn *bf_insns;
};

/* Room for kinds of links, and how many there are. */
struct rump_bpf_dltlist {
	unsigned int bfl_len;
	unsigned int *bfl_list;
};

struct rump_bpf_version {
	uint16_t bv_major;
	uint16_t bv_minor;
};

/* What a filter heard, dropped, and wanted. */
struct rump_bpf_stat {
	uint64_t bs_recv;
	uint64_t bs_drop;
	uint64_t bs_capt;
	uint64_t bs_padding[13];
};

/* What stands before each frame that is read: the frame begins at bh_hdrlen, the next header at RUMP_BPF_WORDALIGN of that and
 * bh_caplen. */
struct rump_bpf_hdr {
	int64_t bh_sec;
	int64_t bh_usec;
	uint32_t bh_caplen;
	uint32_t bh_datalen;
	uint16_t bh_hdrlen;
};
#define RUMP_BPF_WORDALIGN(length) (((length) + 7U) & ~7U)

#define RUMP_BIOCGBLEN 0x40044266UL		/* unsigned int */
#define RUMP_BIOCSBLEN 0xc0044266UL		/* unsigned int; answers what became of it */
#define RUMP_BIOCSETF 0x80104267UL		/* struct rump_bpf_program */
#define RUMP_BIOCFLUSH 0x20004268UL
#define RUMP_BIOCPROMISC 0x20004269UL
#define RUMP_BIOCGDLT 0x4004426aUL		/* unsigned int */
#define RUMP_BIOCGETIF 0x4090426bUL		/* struct ifreq */
#define RUMP_BIOCSETIF 0x8090426cUL		/* struct ifreq */
#define RUMP_BIOCGSTATS 0x4080426fUL		/* struct rump_bpf_stat */
#define RUMP_BIOCIMMEDIATE 0x80044270UL		/* unsigned int */
#define RUMP_BIOCVERSION 0x40044271UL		/* struct rump_bpf_version */
#define RUMP_BIOCGHDRCMPLT 0x40044274UL		/* unsigned int */
#define RUMP_BIOCSHDRCMPLT 0x80044275UL		/* unsigned int */
#define RUMP_BIOCSDLT 0x80044276UL		/* unsigned int */
#define RUMP_BIOCGDLTLIST 0xc0104277UL		/* struct rump_bpf_dltlist */
#define RUMP_BIOCGDIRECTION 0x40044278UL	/* unsigned int */
#define RUMP_BIOCSDIRECTION 0x80044279UL	/* unsigned int */
#define RUMP_BIOCSRTIMEOUT 0x8010427aUL		/* struct timeval */
#define RUMP_BIOCGRTIMEOUT 0x4010427bUL		/* struct timeval */
#define RUMP_BIOCGFEEDBACK 0x4004427cUL		/* unsigned int */
#define RUMP_BIOCSFEEDBACK 0x8004427dUL		/* unsigned int */
#define RUMP_BIOCLOCK 0x2000427eUL
#define RUMP_BIOCSETWF 0x8010427fUL		/* struct rump_bpf_program */

#define RUMP_TAPGIFNAME 0x40906500UL		/* struct ifreq */
#define RUMP_TUNGIFHEAD 0x40047441UL		/* int */
#define RUMP_TUNSIFHEAD 0x80047442UL		/* int */
#define RUMP_TUNSLMODE 0x80047457UL		/* int */
#define RUMP_TUNSIFMODE 0x80047458UL		/* int */

/* The usual names of requests, where the host has none. */
#ifndef FIONSPACE
#define FIONSPACE RUMP_FIONSPACE
#endif
#ifndef BIOCSETIF
#define BIOCGBLEN RUMP_BIOCGBLEN
#define BIOCSBLEN RUMP_BIOCSBLEN
#define BIOCSETF RUMP_BIOCSETF
#define BIOCFLUSH RUMP_BIOCFLUSH
#define BIOCPROMISC RUMP_BIOCPROMISC
#define BIOCGDLT RUMP_BIOCGDLT
#define BIOCGETIF RUMP_BIOCGETIF
#define BIOCSETIF RUMP_BIOCSETIF
#define BIOCGSTATS RUMP_BIOCGSTATS
#define BIOCIMMEDIATE RUMP_BIOCIMMEDIATE
#define BIOCVERSION RUMP_BIOCVERSION
#define BIOCGHDRCMPLT RUMP_BIOCGHDRCMPLT
#define BIOCSHDRCMPLT RUMP_BIOCSHDRCMPLT
#define BIOCSDLT RUMP_BIOCSDLT
#define BIOCGDLTLIST RUMP_BIOCGDLTLIST
#define BIOCGDIRECTION RUMP_BIOCGDIRECTION
#define BIOCSDIRECTION RUMP_BIOCSDIRECTION
#define BIOCSRTIMEOUT RUMP_BIOCSRTIMEOUT
#define BIOCGRTIMEOUT RUMP_BIOCGRTIMEOUT
#define BIOCGFEEDBACK RUMP_BIOCGFEEDBACK
#define BIOCSFEEDBACK RUMP_BIOCSFEEDBACK
#define BIOCLOCK RUMP_BIOCLOCK
#define BIOCSETWF RUMP_BIOCSETWF
#endif
#ifndef TAPGIFNAME
#define TAPGIFNAME RUMP_TAPGIFNAME
#endif
#ifndef TUNGIFHEAD
#define TUNGIFHEAD RUMP_TUNGIFHEAD
#define TUNSIFHEAD RUMP_TUNSIFHEAD
#define TUNSLMODE RUMP_TUNSLMODE
#define TUNSIFMODE RUMP_TUNSIFMODE
#endif

/**
 * Does a request, with an argument of the kind that it wants. Of all files: FIONREAD (how much can be read), FIONBIO, FIOCLEX,
 * FIONCLEX. Of sockets and pipes: FIONSPACE (how much can be written). Of sockets: SIOCATMARK, and of those of IP, TIOCOUTQ (how much was not received yet). Of interfaces, at any socket, by struct ifreq: SIOCGIFCONF, SIOCGIFNAME, SIOCGIFINDEX, SIOCGIFFLAGS, SIOCGIFADDR,
 * SIOCGIFNETMASK, SIOCGIFBRDADDR, SIOCGIFMTU, SIOCGIFHWADDR, and SIOCSIFFLAGS (IFF_UP), SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFMTU,
 * SIOCSIFHWADDR for the superuser; those of addresses are of IPv4, and at sockets of IPv6 there are, by struct in6_ifreq, SIOCSIFADDR
 * and SIOCDIFADDR, which add one and take it away; of routes of IPv4, SIOCADDRT and SIOCDELRT for him. Of devices: those of this header.
 *
 * @returns 0; -1 and errno
 * @errors EBADF, ENOTTY (none that such a file has), EFAULT (null), EPERM (a change, but for the superuser), ENODEV (no
 * such interface, or a route to neither an interface nor a router), EAFNOSUPPORT (no protocols with interfaces are
 * linked, or a route of another family), EADDRNOTAVAIL (the interface has no address, or cannot have this), EINVAL (a
 * value that it cannot have), EEXIST (the address of IPv6, or the route, is there), ESRCH (it is not), ENETUNREACH (its router is on no link),
 * those of devices: ENXIO, ENOMEM
 */
int rump_sys_ioctl(int fd, unsigned long request, ...);

#ifdef __cplusplus
}
#endif

#endif
