/* server.h - a program that serves one client by NBD, started by us and connected to us (socket activation). */
#ifndef IM_DEV_SERVER_H
#define IM_DEV_SERVER_H

#include <sys/types.h>

#include "base/error.h"

struct im_server {
	pid_t pid;	/* 0: none */
	int words;	/* what it writes to its standard error, a file in memory */
};

/* Start argv (searched for in PATH; NULL-terminated) with a listening socket as its descriptor 3, as systemd does, in a session of
 * its own, so that a Ctrl-C at the terminal does not end it in the middle of a repair. *fd is our end of the connection, which
 * was made before the program began: nobody else can come first. keep: a descriptor that the program finds as IM_SERVER_FILE;
 * -1: none. */
int im_server_start(struct im_server *s, char *const argv[], int keep, int *fd, struct im_error *err);

/* What it wrote, as one line; "" when there is nothing. */
void im_server_words(const struct im_server *s, char *line, size_t len);

/* Wait for its end; the connection must be closed already. What does not end by itself is ended. */
void im_server_stop(struct im_server *s);

#define IM_SERVER_FILE 4

/* Run a program to its end, with keep as above: 0 it went well. What it wrote goes into err. */
int im_server_run(char *const argv[], int keep, struct im_error *err);

#endif
