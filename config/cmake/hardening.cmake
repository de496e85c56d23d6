# Code generation of the presets: sanitizers, coverage, or the hardened release build.
add_library(hardening INTERFACE)
target_compile_options(hardening INTERFACE -fno-omit-frame-pointer -fno-strict-aliasing
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/=)
if(TIDEMARK_SANITIZE)
    target_compile_options(hardening INTERFACE -fsanitize=${TIDEMARK_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(hardening INTERFACE -fsanitize=${TIDEMARK_SANITIZE})
endif()
if(TIDEMARK_COVERAGE)
    target_compile_options(hardening INTERFACE --coverage -O0)
    target_link_options(hardening INTERFACE --coverage)
endif()
if(TIDEMARK_RELEASE)
    target_compile_options(hardening INTERFACE -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong
        -fstack-clash-protection -fcf-protection -ftrivial-auto-var-init=zero -flto=auto)
    target_link_options(hardening INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack -flto=auto)
endif()
