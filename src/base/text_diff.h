/* base/text_diff.h: the difference of two texts by lines, in the unified form that patch(1) reads, with three lines around. */
#ifndef CM_BASE_TEXT_DIFF_H
#define CM_BASE_TEXT_DIFF_H

/* "" when they are equal; caller frees; never NULL. */
char *cm_text_diff(const char *before_name, const char *before, const char *after_name, const char *after);

#endif
