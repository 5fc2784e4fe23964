/* Joining a bus: a file of the host that carries frames between all kernels that have an interface on it. */
#ifndef BUS_H
#define BUS_H

#include <rump/netconfig.h>
#include <rump/rump.h>

#include "example.h"

/* Makes an interface on the bus, with an address as 10.0.0.1/24, and lets packets pass. */
static inline void
join_bus(const char *bus, const char *address_and_bits)
{
	char address[64], name[16];
	size_t length = strcspn(address_and_bits, "/");
	int unit;

	if (address_and_bits[length] == '\0' || length >= sizeof address)
		fail(address_and_bits, EINVAL);
	memcpy(address, address_and_bits, length);
	address[length] = '\0';
	works(rump_pub_shmif_create(bus, &unit), bus);
	snprintf(name, sizeof name, "shmif%d", unit);
	works(rump_pub_netconfig_ipv4_ifaddr_cidr(name, address, atoi(address_and_bits + length + 1)), address_and_bits);
	works(rump_pub_netconfig_ifup(name), name);
}

#endif
