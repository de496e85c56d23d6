# One list of warnings for every C target; warnings are errors.
add_library(warnings INTERFACE)
target_compile_options(warnings INTERFACE
    -Wall -Wextra -Werror -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
    -Wvla -Wformat=2 -Wundef -Wcast-qual -Wwrite-strings -Wpointer-arith -Wimplicit-fallthrough
    -Wnull-dereference -Wdouble-promotion -Wswitch-enum)
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
    target_compile_options(warnings INTERFACE -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wjump-misses-init)
endif()
