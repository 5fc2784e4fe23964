/* Structures of our headers have their members where the library reads them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <rump/rump.h>
#include <rump/rump_host.h>
#include <rump/rump_syscalls.h>
#include <rump/rumpfs.h>

#include "check.h"

/* C99 has no _Static_assert. */
#define NAME_(line) holds_at_##line
#define NAME(line) NAME_(line)
#define HOLDS(c) HOLDS_(c, NAME(__LINE__))
#define HOLDS_(c, name) enum { name = 1 / ((c) ? 1 : 0) }
#define AT(type, member, offset) HOLDS(offsetof(type, member) == (offset))

HOLDS(sizeof(struct ufs_args) == sizeof(void *));
AT(struct ufs_args, fspec, 0);
AT(struct msdosfs_args, fspec, 0);
AT(struct iso_args, fspec, 0);

/* 64 bits, and the host's types as Linux has them. */
#if defined(__linux__) && defined(__LP64__)
HOLDS(sizeof(struct msdosfs_args) == 40);
AT(struct msdosfs_args, uid, 8);
AT(struct msdosfs_args, gid, 12);
AT(struct msdosfs_args, mask, 16);
AT(struct msdosfs_args, flags, 20);
AT(struct msdosfs_args, version, 24);
AT(struct msdosfs_args, dirmask, 28);
AT(struct msdosfs_args, gmtoff, 32);

HOLDS(sizeof(struct iso_args) == 16);
AT(struct iso_args, flags, 8);

HOLDS(sizeof(struct tmpfs_args) == 40);
AT(struct tmpfs_args, ta_version, 0);
AT(struct tmpfs_args, ta_nodes_max, 8);
AT(struct tmpfs_args, ta_size_max, 16);
AT(struct tmpfs_args, ta_root_uid, 24);
AT(struct tmpfs_args, ta_root_gid, 28);
AT(struct tmpfs_args, ta_root_mode, 32);

HOLDS(sizeof(struct rump_kevent) == 40);
AT(struct rump_kevent, ident, 0);
AT(struct rump_kevent, filter, 8);
AT(struct rump_kevent, flags, 12);
AT(struct rump_kevent, fflags, 16);
AT(struct rump_kevent, data, 24);
AT(struct rump_kevent, udata, 32);

HOLDS(sizeof(struct rump_modstat) == 72);
HOLDS(sizeof(struct rump_modstat_room) == 16);

HOLDS(sizeof(struct rump_boot_etfs) == 56);
AT(struct rump_boot_etfs, eb_key, 0);
AT(struct rump_boot_etfs, eb_hostpath, 8);
AT(struct rump_boot_etfs, eb_type, 16);
AT(struct rump_boot_etfs, eb_begin, 24);
AT(struct rump_boot_etfs, eb_size, 32);
AT(struct rump_boot_etfs, _eb_next, 40);
AT(struct rump_boot_etfs, eb_status, 48);

AT(struct rump_modstat, class_, 64);
AT(struct rump_modstat, references, 68);
AT(struct rump_modstat_room, length, 8);

HOLDS(sizeof(struct rump_bpf_program) == 16);
AT(struct rump_bpf_program, bf_insns, 8);
HOLDS(sizeof(struct rump_bpf_dltlist) == 16);
AT(struct rump_bpf_dltlist, bfl_list, 8);

HOLDS(sizeof(struct rump_host) == 184);
AT(struct rump_host, version, 4);
AT(struct rump_host, arg, 8);
AT(struct rump_host, console, 16);
AT(struct rump_host, realtime, 24);
AT(struct rump_host, monotonic, 32);
AT(struct rump_host, random, 40);
AT(struct rump_host, parameter, 48);
AT(struct rump_host, block_open, 56);
AT(struct rump_host, block_read, 64);
AT(struct rump_host, block_write, 72);
AT(struct rump_host, block_flush, 80);
AT(struct rump_host, block_close, 88);
AT(struct rump_host, packet_open, 96);
AT(struct rump_host, packet_receive, 104);
AT(struct rump_host, packet_send, 112);
AT(struct rump_host, packet_wake, 120);
AT(struct rump_host, packet_close, 128);
AT(struct rump_host, sleep, 136);
AT(struct rump_host, thread_start, 144);
AT(struct rump_host, event_create, 152);
AT(struct rump_host, event_set, 160);
AT(struct rump_host, event_wait, 168);
AT(struct rump_host, event_destroy, 176);
#endif

int
main(void)
{
	/* What the compiler found is found. */
	CHECK(sizeof(struct rump_kevent) >= sizeof(uintptr_t) + 3 * sizeof(uint32_t) + sizeof(int64_t));
	return checked();
}
