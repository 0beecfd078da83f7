// Products on the vector unit; `TileProducts` in kernels.h takes them where there is no matrix unit.
#ifndef SRCODE_PANELS_H_
#define SRCODE_PANELS_H_

#include "kernels.h"

namespace srcode {

/** True when this build has fused multiply-adds: what the panels are laid out for. */
bool HasPanels();
/** As `TileProducts`. */
void PanelProducts(const TileSide &shared, const TileSide *others, int count, int k, bool shared_is_left,
                   bool accumulate);

}  // namespace srcode

#endif  // SRCODE_PANELS_H_
