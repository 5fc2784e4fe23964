/* Boots a kernel and halts it. */
#include "proof.h"

int
main(void)
{
	boot();
	NEED(rump_sys_getpid() > 0);
	halt();
	return 0;
}
