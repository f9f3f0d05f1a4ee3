/* cli/find.h: where the runbooks and the world's programs are: beside the program in a build folder, else where they were installed. */
#ifndef CM_CLI_FIND_H
#define CM_CLI_FIND_H

/* Each: caller frees; never NULL. */
char *cm_find_self(void);                       /* the running executable */
char *cm_find_plans(void);                      /* the folder of the runbooks */
char *cm_find_program(const char *name);        /* "connect-migrate-world" */

#endif
