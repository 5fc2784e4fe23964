/*
 * What routing sockets read and write, and what sysctl(3) tells of routes: NetBSD's messages, as route(4) has them, with its
 * numbers, which are not those of the host. The structures are those of little-endian hosts of 64 bits.
 *
 * rump_sys_socket(AF_ROUTE, SOCK_RAW, family) makes a socket that hears of changes of a family, or of all (0). A request is a
 * message that is written, in one piece: RUMP_RTM_ADD, DELETE, CHANGE and GET. It fails as the write does, and is answered by a
 * message with the same sequence number and the number of the process, beside those of others. The tables of all routes, and of
 * interfaces with their addresses, are those of rump_sys___sysctl by { CTL_NET (4), RUMP_ROUTE_AF_ROUTE, 0, family,
 * RUMP_NET_RT_DUMP or RUMP_NET_RT_IFLIST, 0 }.
 */
#ifndef RUMP_SYS_ROUTE_H
#define RUMP_SYS_ROUTE_H

#include <stdint.h>

/* Families, as a message, a name of sysctl(3) and the third argument of the socket have them. */
#define RUMP_ROUTE_AF_INET 2
#define RUMP_ROUTE_AF_LINK 18
#define RUMP_ROUTE_AF_INET6 24
#define RUMP_ROUTE_AF_ROUTE 34

/* Addresses, which stand behind the header in the order of their bits of rtm_addrs; each begins at a multiple of eight bytes. */
struct rump_sockaddr_in {
	uint8_t sin_len;
	uint8_t sin_family;
	uint16_t sin_port;
	uint8_t sin_addr[4];
	uint8_t sin_zero[8];
};
struct rump_sockaddr_in6 {
	uint8_t sin6_len;
	uint8_t sin6_family;
	uint16_t sin6_port;
	uint32_t sin6_flowinfo;
	uint8_t sin6_addr[16];		/* one of a link has the number of the interface in bytes 2 and 3 */
	uint32_t sin6_scope_id;
};
/* An interface, or an address of hardware: the name, and behind it the address. */
struct rump_sockaddr_dl {
	uint8_t sdl_len;
	uint8_t sdl_family;
	uint16_t sdl_index;
	uint8_t sdl_type;
	uint8_t sdl_nlen;
	uint8_t sdl_alen;
	uint8_t sdl_slen;
	uint8_t sdl_data[24];
};
/* From one address to the next. */
#define RUMP_RT_ROUNDUP(length) ((length) > 0 ? ((length) + 7U) & ~7U : 8U)

#define RUMP_RTA_DST 0x1
#define RUMP_RTA_GATEWAY 0x2
#define RUMP_RTA_NETMASK 0x4
#define RUMP_RTA_IFP 0x10		/* the interface */
#define RUMP_RTA_IFA 0x20		/* the address that it has */
#define RUMP_RTA_AUTHOR 0x40
#define RUMP_RTA_BRD 0x80

/* Types of messages, and the version of all. */
#define RUMP_RTM_VERSION 4
#define RUMP_RTM_ADD 0x1		/* struct rump_rt_msghdr */
#define RUMP_RTM_DELETE 0x2
#define RUMP_RTM_CHANGE 0x3
#define RUMP_RTM_GET 0x4
#define RUMP_RTM_MISS 0x7
#define RUMP_RTM_IFANNOUNCE 0x10	/* struct rump_if_announcemsghdr */
#define RUMP_RTM_IFINFO 0x14		/* struct rump_if_msghdr */
#define RUMP_RTM_NEWADDR 0x16		/* struct rump_ifa_msghdr */
#define RUMP_RTM_DELADDR 0x17
#define RUMP_RTM_CHGADDR 0x18

#define RUMP_RTF_UP 0x1
#define RUMP_RTF_GATEWAY 0x2
#define RUMP_RTF_HOST 0x4
#define RUMP_RTF_REJECT 0x8
#define RUMP_RTF_DYNAMIC 0x10
#define RUMP_RTF_MODIFIED 0x20
#define RUMP_RTF_DONE 0x40
#define RUMP_RTF_CONNECTED 0x100
#define RUMP_RTF_LLDATA 0x400		/* it is about an address of hardware */
#define RUMP_RTF_STATIC 0x800
#define RUMP_RTF_BLACKHOLE 0x1000
#define RUMP_RTF_ANNOUNCE 0x20000
#define RUMP_RTF_LOCAL 0x40000

/* Which metrics a message has. */
#define RUMP_RTV_MTU 0x1
#define RUMP_RTV_HOPCOUNT 0x2		/* of two routes of a prefix, the one with the lower number is used */
#define RUMP_RTV_EXPIRE 0x4

struct rump_rt_metrics {
	uint64_t rmx_locks;
	uint64_t rmx_mtu;
	uint64_t rmx_hopcount;
	uint64_t rmx_recvpipe;
	uint64_t rmx_sendpipe;
	uint64_t rmx_ssthresh;
	uint64_t rmx_rtt;
	uint64_t rmx_rttvar;
	int64_t rmx_expire;		/* in seconds since 1970; zero: never */
	int64_t rmx_pksent;
};

/* A route. */
struct rump_rt_msghdr {
	uint16_t rtm_msglen;
	uint8_t rtm_version;
	uint8_t rtm_type;
	uint16_t rtm_index;
	uint16_t rtm_padding;
	int32_t rtm_flags;
	int32_t rtm_addrs;
	int32_t rtm_pid;
	int32_t rtm_seq;
	int32_t rtm_errno;		/* NetBSD's number */
	int32_t rtm_use;
	int32_t rtm_inits;
	int32_t rtm_more_padding;
	struct rump_rt_metrics rtm_rmx;
};

struct rump_if_data {
	uint8_t ifi_type;
	uint8_t ifi_addrlen;
	uint8_t ifi_hdrlen;
	uint8_t ifi_padding;
	int32_t ifi_link_state;		/* 1: nothing is connected, 2: something is */
	uint64_t ifi_mtu;
	uint64_t ifi_metric;
	uint64_t ifi_baudrate;
	uint64_t ifi_ipackets;
	uint64_t ifi_ierrors;
	uint64_t ifi_opackets;
	uint64_t ifi_oerrors;
	uint64_t ifi_collisions;
	uint64_t ifi_ibytes;
	uint64_t ifi_obytes;
	uint64_t ifi_imcasts;
	uint64_t ifi_omcasts;
	uint64_t ifi_iqdrops;
	uint64_t ifi_noproto;
	int64_t ifi_lastchange[2];
};

/* An interface. */
struct rump_if_msghdr {
	uint16_t ifm_msglen;
	uint8_t ifm_version;
	uint8_t ifm_type;
	int32_t ifm_addrs;
	int32_t ifm_flags;		/* RUMP_IFF_UP and others */
	uint16_t ifm_index;
	uint16_t ifm_padding;
	struct rump_if_data ifm_data;
};
#define RUMP_IFF_UP 0x1
#define RUMP_IFF_RUNNING 0x40

/* An address of an interface. */
struct rump_ifa_msghdr {
	uint16_t ifam_msglen;
	uint8_t ifam_version;
	uint8_t ifam_type;
	uint16_t ifam_index;
	uint16_t ifam_padding;
	int32_t ifam_flags;
	int32_t ifam_addrs;
	int32_t ifam_pid;
	int32_t ifam_addrflags;
	int32_t ifam_metric;
	int32_t ifam_more_padding;
};

/* An interface that came (0) or is gone (1). */
struct rump_if_announcemsghdr {
	uint16_t ifan_msglen;
	uint8_t ifan_version;
	uint8_t ifan_type;
	uint16_t ifan_index;
	char ifan_name[16];
	uint16_t ifan_what;
};

/* Tables of sysctl(3). */
#define RUMP_NET_RT_DUMP 1
#define RUMP_NET_RT_FLAGS 2		/* with RUMP_RTF_LLDATA or 0: who has which address of hardware */
#define RUMP_NET_RT_IFLIST 6

#endif
