# LightGBM out of its PyPI wheel, which `./dev deps train` puts into .venv. The wheel has the library and no header; palate-train
# loads it when trees are trained, from where it was found here or from where `trees.library` says. Nothing links it.
set(PALATE_LIGHTGBM "" CACHE FILEPATH "lib_lightgbm.so; empty: the one in .venv")
set(palate_lightgbm ${PALATE_LIGHTGBM})
if(NOT palate_lightgbm)
  file(GLOB places ${PALATE_VENV}/lib/python3*/site-packages/lightgbm/lib/lib_lightgbm.so)
  if(places)
    list(GET places 0 palate_lightgbm)
  endif()
endif()
