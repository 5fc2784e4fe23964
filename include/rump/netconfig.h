/* Configuration of interfaces. */
#ifndef RUMP_NETCONFIG_H
#define RUMP_NETCONFIG_H

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Makes an interface, which is down. The kind is in the name: `lo1`, `bridge0`, `vlan0`, `tap0`; `shmif0` (a bus of shared
 * memory) and `virt0` (a tap of the host) need rump_pub_netconfig_ifsetlinkstr besides. What is not linked is not there; of
 * shmif and virt, the console names the library.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or halted), EFAULT (null), EEXIST (it is there), EINVAL (no such kind), EAFNOSUPPORT (no protocols
 * are linked)
 */
int rump_pub_netconfig_ifcreate(const char *ifname);

/**
 * Takes an interface away, with its addresses and routes.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or there is no such interface), EFAULT (null), EINVAL (`lo0`)
 */
int rump_pub_netconfig_ifdestroy(const char *ifname);

/**
 * Lets packets pass, or none.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, no such interface, or it has no link yet), EFAULT (null)
 */
int rump_pub_netconfig_ifup(const char *ifname);
int rump_pub_netconfig_ifdown(const char *ifname);

/**
 * Says where an interface is: the file of the bus of `shmif0`, the host's tap of `virt0`.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or no such interface), EFAULT (null), EBUSY (it has a link), EINVAL (no link), those of the file
 * or the tap
 */
int rump_pub_netconfig_ifsetlinkstr(const char *ifname, const char *link);

/**
 * Makes an interface a member of a bridge, or none any more.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or no such interface), EFAULT (null), EINVAL (no bridge, or the interface is none of Ethernet),
 * EBUSY (of bradd, a member of another), EEXIST (of bradd, a member), ENOENT (of brdel, no member)
 */
int rump_pub_netconfig_bradd(const char *bridge, const char *ifname);
int rump_pub_netconfig_brdel(const char *bridge, const char *ifname);

/**
 * Gives an interface an address of IPv4, with the mask of its network.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or no such interface), EFAULT (null), EINVAL (no address, or no mask), EEXIST (it has it),
 * EADDRNOTAVAIL (nobody can have it)
 */
int rump_pub_netconfig_ipv4_ifaddr(const char *ifname, const char *address, const char *mask);

/**
 * Gives an interface an address of IPv4 or IPv6, with the number of bits that its network's addresses share.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or no such interface), EFAULT (null), EINVAL (no address, or no number of bits), EEXIST (it has
 * it), EADDRNOTAVAIL (nobody can have it)
 */
int rump_pub_netconfig_ipv4_ifaddr_cidr(const char *ifname, const char *address, int bits);
int rump_pub_netconfig_ipv6_ifaddr(const char *ifname, const char *address, int bits);

/**
 * Sends to a router what has no other way.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or halted), EFAULT (null), EINVAL (no address), ENETUNREACH (it is on no link), EEXIST (there is
 * one)
 */
int rump_pub_netconfig_ipv4_gw(const char *address);
int rump_pub_netconfig_ipv6_gw(const char *address);

/**
 * Gets an address, a router and name servers by DHCP, once: nobody renews the lease.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or no such interface), EFAULT (null), EINVAL (none of Ethernet), ETIMEDOUT (nobody answered for a
 * minute)
 */
int rump_pub_netconfig_dhcp_ipv4_oneshot(const char *ifname);

/**
 * Lets packets pass, and follows what routers of IPv6 tell.
 *
 * @returns 0, or an error number
 * @errors ENXIO (no kernel, or no such interface), EFAULT (null)
 */
int rump_pub_netconfig_auto_ipv6(const char *ifname);

#ifdef __cplusplus
}
#endif

#endif
