/* localedir.c - preloaded into a program, lets it find its catalogs in the folder that TEST_LOCALEDIR names, and not where they are
 * installed: the program itself has no variable for that. */
#include <dlfcn.h>
#include <libintl.h>
#include <stdlib.h>

#undef bindtextdomain

char *bindtextdomain(const char *domain, const char *folder)
{
	char *(*real)(const char *, const char *) = (char *(*)(const char *, const char *))dlsym(RTLD_NEXT, "bindtextdomain");
	const char *other = getenv("TEST_LOCALEDIR");

	return real(domain, folder && other ? other : folder);
}
