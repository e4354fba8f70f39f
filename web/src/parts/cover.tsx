// Items have no pictures. Each gets a pattern that is always the same: its colours come from the
// first category, so that what belongs together looks so, its shapes from the id.

function hashOf(text: string): number {
  let hash = 2166136261;
  for (const char of text) hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 16777619);
  // Names that differ in the last letter only must look different.
  hash = Math.imul(hash ^ (hash >>> 15), 2246822507);
  return (hash ^ (hash >>> 13)) >>> 0;
}

const columns = 4;
const rows = 2;
const side = 40;

function tile(kind: number, x: number, y: number): string {
  const [right, bottom] = [x + side, y + side];
  const arc = (to: string) => `A${side} ${side} 0 0 1 ${to}Z`;
  switch (kind) {
    case 0:
      return `M${x} ${y}H${right}${arc(`${x} ${bottom}`)}`;
    case 1:
      return `M${right} ${y}V${bottom}${arc(`${x} ${y}`)}`;
    case 2:
      return `M${right} ${bottom}H${x}${arc(`${right} ${y}`)}`;
    case 3:
      return `M${x} ${bottom}V${y}${arc(`${right} ${bottom}`)}`;
    case 4:
      return `M${x + 4} ${y + 20}a16 16 0 1 0 32 0a16 16 0 1 0-32 0z`;
    default:
      return `M${x} ${y}H${right}V${bottom}H${x}Z`;
  }
}

/** The ground and three shades on it. */
type Palette = readonly [string, string, string, string];

const palettes: readonly Palette[] = [
  ["#2b2140", "#6d4aa3", "#f2a65a", "#e9d7f5"],
  ["#10353a", "#1f7a74", "#f4d58d", "#bfe3d0"],
  ["#3d1429", "#a3315c", "#f7a072", "#f8d3dc"],
  ["#14274a", "#2f5fa8", "#f0b8a0", "#c9dcf5"],
  ["#3a2412", "#b0602c", "#f3c969", "#f2dfc6"],
  ["#1f3320", "#4f8a4c", "#e9e2a6", "#e58f65"],
  ["#32191b", "#c44536", "#f6bd60", "#f7e1d7"],
  ["#1b2b34", "#5f7f95", "#e9c46a", "#dfe7ea"],
  ["#2a1a38", "#8f4a8b", "#7fc8c2", "#f3cfe0"],
  ["#0f2f2a", "#2d8f68", "#f7c59f", "#d8f0c8"],
  ["#2d2620", "#8c7355", "#d9534f", "#efe6d5"],
  ["#1c1f4a", "#4c56b8", "#ff9f80", "#d6d4ff"],
];
const waiting: Palette = ["#8884", "#8884", "#8884", "#8884"];

interface CoverProps {
  id: string;
  category: string | undefined;
}

function palette(category: string | undefined): Palette {
  if (category === undefined) return waiting;
  return palettes[hashOf(category) % palettes.length] ?? waiting;
}

export function Cover({ id, category }: CoverProps) {
  const [ground, ...shades] = palette(category);
  const cells = Array.from({ length: columns * rows }, (_, cell) => {
    const bits = hashOf(`${id}/${cell}`);
    const [x, y] = [(cell % columns) * side, Math.floor(cell / columns) * side];
    const shade = shades[(bits >>> 8) % 3];
    // The stroke closes the seam between two tiles of one colour.
    return (
      <path key={cell} d={tile(bits % 7, x, y)} fill={shade} stroke={shade} strokeWidth={0.4} />
    );
  });
  return (
    <svg
      className="cover"
      viewBox={`0 0 ${columns * side} ${rows * side}`}
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
    >
      <rect width="100%" height="100%" fill={ground} />
      {category !== undefined && cells}
    </svg>
  );
}
