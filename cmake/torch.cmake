# LibTorch out of the PyPI wheel `torch` (headers and libraries inside), which `./dev deps train` puts into .venv. Linked are
# torch_cpu and c10 alone. Nothing but palate-train and its tests needs it. Not under sanitizers, whose runtimes it is not built for.
if(NOT PALATE_TRAIN OR PALATE_SANITIZE)
  return()
endif()
set(PALATE_TORCH "" CACHE PATH "The installed folder of torch; empty: the one in .venv")
set(palate_torch_places ${PALATE_TORCH})
if(NOT palate_torch_places)
  file(GLOB palate_torch_places ${PALATE_VENV}/lib/python3*/site-packages/torch)
endif()
foreach(place IN LISTS palate_torch_places)
  if(NOT TARGET palate_torch AND EXISTS ${place}/lib/libtorch_cpu.so AND EXISTS ${place}/include/ATen/ATen.h)
    add_library(palate_torch INTERFACE)
    # Behind the system's folders: the wheel has another fmt among its headers.
    target_compile_options(palate_torch INTERFACE "SHELL:-idirafter ${place}/include")
    target_link_libraries(palate_torch INTERFACE ${place}/lib/libtorch_cpu.so ${place}/lib/libc10.so)
    # What the wheel's libraries load lies in folders of other wheels, which their own run paths name; with the older kind of run path
    # ours would hold for them, too, and hide those.
    target_link_options(palate_torch INTERFACE -Wl,-rpath,${place}/lib -Wl,--allow-shlib-undefined)
  endif()
endforeach()
if(NOT TARGET palate_torch)
  message(STATUS "torch is not in .venv: palate-train is not built")
endif()
