/* preview.c - `imgmend preview`: the corrected image, served by nbdkit with our plugin, before anything is repaired. */
#include <config.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

#define PLUGIN "nbdkit-imgmend-plugin.so"

static volatile sig_atomic_t server;

/* What the server works with; a folder of our own holds the plan and, without --socket, the socket. */
struct preview {
	char folder[32];
	char plan[64];
	char socket[PATH_MAX];
	char plugin[PATH_MAX + 64];
	bool is_up;
	struct stat made;		/* the socket */
};

static void pass_on(int number)
{
	if (server > 0)
		kill((pid_t)server, number);
}

/* Beside the program in a build tree, else where nbdkit's plugins were installed. */
static void find_plugin(struct preview *p)
{
	char exe[PATH_MAX], *slash;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	exe[n < 0 ? 0 : n] = 0;
	slash = strrchr(exe, '/');
	if (slash) {
		*slash = 0;
		snprintf(p->plugin, sizeof(p->plugin), "%s/%s", exe, PLUGIN);
		if (access(p->plugin, R_OK) == 0)
			return;
	}
	snprintf(p->plugin, sizeof(p->plugin), "%s/%s", NBDKIT_PLUGINS, PLUGIN);
}

static int prepare(struct preview *p, const struct settings *s, const imgmend_plan *plan)
{
	char *json = imgmend_plan_json(plan);
	struct stat st;
	int rc = -1;

	strcpy(p->folder, "/tmp/imgmend-preview-XXXXXX");
	if (mkdtemp(p->folder)) {
		snprintf(p->plan, sizeof(p->plan), "%s/plan", p->folder);
		rc = save_text(json, p->plan, _("the plan"));
	} else {
		fprintf(stderr, _("imgmend: cannot make a folder in /tmp: %s\n"), strerror(errno));
		p->folder[0] = 0;
	}
	free(json);
	if (s->socket && lstat(s->socket, &st) == 0) {
		fprintf(stderr, _("imgmend: %s: there is such a file already; name another socket\n"), s->socket);
		rc = -1;
	}
	if (s->socket)
		snprintf(p->socket, sizeof(p->socket), "%s", s->socket);
	else
		snprintf(p->socket, sizeof(p->socket), "%s/socket", p->folder);
	find_plugin(p);
	return rc;
}

static void clean_up(struct preview *p)
{
	struct stat st;

	if (!p->folder[0])
		return;
	unlink(p->plan);
	/* only the one that our server made */
	if (p->is_up && lstat(p->socket, &st) == 0 && st.st_dev == p->made.st_dev && st.st_ino == p->made.st_ino)
		unlink(p->socket);
	rmdir(p->folder);
}

/* "key=value"; the caller frees it. NULL: without a value, or without memory. */
static char *parameter(const char *key, const char *value)
{
	char *text = NULL;

	return value && asprintf(&text, "%s=%s", key, value) >= 0 ? text : NULL;
}

__attribute__((noreturn)) static void serve(const struct preview *p, const struct settings *s)
{
	char *argv[16];
	size_t n = 0;
	char *allow = parameter("allow", s->library.allow), *format = parameter("format", s->library.format);

	argv[n++] = (char *)"nbdkit";
	argv[n++] = (char *)"--foreground";
	argv[n++] = (char *)"--exit-with-parent";
	argv[n++] = (char *)"--unix";
	argv[n++] = (char *)p->socket;
	argv[n++] = s->read_only ? (char *)"--read-only" : (char *)"--filter=cow";
	argv[n++] = (char *)p->plugin;
	argv[n++] = parameter("image", s->images[0]);
	argv[n++] = parameter("plan", p->plan);
	if (allow)
		argv[n++] = allow;
	if (format)
		argv[n++] = format;
	argv[n] = NULL;
	execvp(argv[0], argv);
	fprintf(stderr, _("imgmend: cannot run nbdkit, which serves a preview: %s (its Debian package is nbdkit)\n"), strerror(errno));
	_exit(127);
}

/* Until the socket is there or the server is gone. */
static bool comes_up(struct preview *p, pid_t pid)
{
	for (int i = 0; i < 400; i++) {
		struct timespec t = { .tv_nsec = 25000000 };
		siginfo_t info = { 0 };

		if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid)
			return false;
		p->is_up = lstat(p->socket, &p->made) == 0 && S_ISSOCK(p->made.st_mode);
		if (p->is_up)
			return true;
		nanosleep(&t, NULL);
	}
	return false;
}

/* The socket as a URI has it. */
static void escape(const char *path, char *out, size_t size)
{
	size_t n = 0;

	for (; *path && n + 4 < size; path++)
		n += (size_t)snprintf(out + n, size - n, isalnum((unsigned char)*path) || strchr("/._-", *path) ? "%c" : "%%%02X",
				      (unsigned char)*path);
	out[n] = 0;
}

/* A server that nobody hears of is of no use. */
static bool announce(const struct preview *p, const struct settings *s)
{
	char socket[3 * PATH_MAX] = "";

	escape(p->socket, socket, sizeof(socket));
	if (s->quiet) {
		printf("nbd+unix:///?socket=%s\n", socket);
	} else {
		printf(_("The corrected image is served at nbd+unix:///?socket=%s\n"), socket);
		printf(s->read_only ? _("It can only be read. ") : _("What is written to it is forgotten at the end. "));
		printf(_("%s stays as it is. Ctrl-C ends this.\n\n"), s->images[0]);
		printf(_("As a file:  nbdfuse FOLDER 'nbd+unix:///?socket=%s'\n"), socket);
		printf(_("As a disk:  nbd-client -unix %s /dev/nbd0 && partx -a /dev/nbd0\n"), p->socket);
	}
	return flush_output();
}

static int run(struct preview *p, const struct settings *s)
{
	struct sigaction stop = { .sa_handler = pass_on };
	int status = 0;
	bool is_up;
	pid_t pid = fork();

	if (pid == 0)
		serve(p, s);
	if (pid < 0) {
		fprintf(stderr, _("imgmend: cannot start another process: %s\n"), strerror(errno));
		return EXIT_FAILED;
	}
	server = pid;
	sigaction(SIGINT, &stop, NULL);
	sigaction(SIGTERM, &stop, NULL);
	sigaction(SIGHUP, &stop, NULL);
	is_up = comes_up(p, pid);
	/* the server has read it */
	unlink(p->plan);
	is_up = is_up && announce(p, s);
	if (!is_up)
		kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return is_up && (WIFSIGNALED(status) || WEXITSTATUS(status) == 0) ? EXIT_FINE : EXIT_FAILED;
}

int verb_preview(const struct settings *settings)
{
	struct settings own = *settings, *s = &own;
	struct preview p = { 0 };
	struct imgmend_error err;
	imgmend_plan *plan;
	int status;

	if (get_plan(s, &plan, &err) < 0)
		return report_error(&err);
	if (imgmend_plan_is_empty(plan)) {
		if (!s->quiet)
			fprintf(stderr, _("imgmend: %s: there is nothing to repair, and so nothing to preview\n"), s->images[0]);
		status = EXIT_FINE;
	} else {
		status = prepare(&p, s, plan) < 0 ? EXIT_FAILED : run(&p, s);
		clean_up(&p);
	}
	imgmend_plan_free(plan);
	return status;
}
