# CM_WARNINGS: the warnings that this compiler knows, each probed (gcc and clang differ). --enable-werror makes them errors.
# They stand in CM_WARN_CFLAGS, apart from the user's CFLAGS.
AC_DEFUN([CM_WARN_PROBE], [
  AS_VAR_PUSHDEF([cm_var], [cm_cv_warn_$1])
  AC_CACHE_CHECK([whether $CC knows $1], [cm_var],
    [cm_saved="$CFLAGS"; CFLAGS="$CFLAGS -Werror $1"
     AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])], [AS_VAR_SET([cm_var], [yes])], [AS_VAR_SET([cm_var], [no])])
     CFLAGS="$cm_saved"])
  AS_VAR_IF([cm_var], [yes], [CM_WARN_CFLAGS="$CM_WARN_CFLAGS $1"])
  AS_VAR_POPDEF([cm_var])
])
AC_DEFUN([CM_WARNINGS], [
  AC_ARG_ENABLE([werror], [AS_HELP_STRING([--enable-werror], [make warnings errors])], [], [enable_werror=no])
  CM_WARN_CFLAGS=
  m4_foreach_w([cm_flag], [-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual
    -Wwrite-strings -Wformat=2 -Wvla -Wundef -Wnull-dereference -Wold-style-definition -Wpointer-arith -Wlogical-op
    -Wduplicated-cond -Wduplicated-branches -Wimplicit-fallthrough],
    [CM_WARN_PROBE(cm_flag)])
  # gcc's flow analyses take cmocka's assertions, which jump away, for falling through: off in the unit tests only.
  cm_own="$CM_WARN_CFLAGS"; CM_WARN_CFLAGS=
  m4_foreach_w([cm_flag], [-Wno-null-dereference -Wno-dangling-pointer], [CM_WARN_PROBE(cm_flag)])
  CM_TEST_CFLAGS="$CM_WARN_CFLAGS"; CM_WARN_CFLAGS="$cm_own"
  AC_SUBST([CM_TEST_CFLAGS])
  AS_IF([test "$enable_werror" = yes], [CM_WARN_CFLAGS="$CM_WARN_CFLAGS -Werror"])
  AC_SUBST([CM_WARN_CFLAGS])
])
