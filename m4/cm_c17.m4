# CM_C17: the C17 dialect with the system's extensions (AC_USE_SYSTEM_EXTENSIONS defines the feature macros).
AC_DEFUN([CM_C17], [
  AC_CACHE_CHECK([for the option that selects C17], [cm_cv_c17],
    [cm_cv_c17=no; cm_saved="$CC"
     for cm_try in -std=gnu17 -std=c17 -std=gnu18; do
       CC="$cm_saved $cm_try"
       AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [[_Static_assert (__STDC_VERSION__ >= 201710L, "C17");]])],
         [cm_cv_c17="$cm_try"; break])
     done
     CC="$cm_saved"])
  AS_IF([test "$cm_cv_c17" = no], [AC_MSG_ERROR([a C17 compiler is needed])])
  CC="$CC $cm_cv_c17"
])
