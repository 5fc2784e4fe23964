/* Attaches a component before main, or when its library is loaded. */
extern void ATTACH(void);

__attribute__((constructor)) static void
attach(void)
{
	ATTACH();
}
