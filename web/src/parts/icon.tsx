// Line drawings on a grid of 24.
const drawings = {
  like: "M12 20s-7-4.4-7-10a4 4 0 0 1 7-2.6A4 4 0 0 1 19 10c0 5.6-7 10-7 10z",
  hide: "M4 4l16 16M10 5.300A9 9 0 0 1 12 5c5 0 8 4 9.5 7a16 16 0 0 1-2.7 3.700M6.5 6.700A15 15 0 0 0 2.5 12c1.5 3 4.5 7 9.5 7 1.6 0 3-.4 4.2-1M9.9 9.900a3 3 0 0 0 4.2 4.2",
  click: "M8 5.500v13l10.5-6.500z",
  rate: "M12 4l2.4 5 5.6.8-4 3.9.9 5.5-4.9-2.6-4.9 2.6.9-5.5-4-3.9 5.6-.8z",
  why: "M9.2 9a3 3 0 1 1 4.3 2.700c-1 .5-1.5 1.1-1.5 2.300M12 17.500v.1M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18z",
  search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.500L20 20",
  person: "M12 4a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM4.5 20c.8-3.7 3.7-5.5 7.5-5.500s6.7 1.8 7.5 5.5",
  add: "M12 5v14M5 12h14",
  sides: "M4 5h6.500v14H4zM13.5 5H20v14h-6.500z",
  close: "M6 6l12 12M18 6L6 18",
  back: "M14.5 5.500L8 12l6.5 6.5",
  auto: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 4v16M12 8h5M12 12h8M12 16h6",
  light:
    "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.500v2M12 19.500v2M2.5 12h2M19.5 12h2M5.3 5.300l1.4 1.400M17.3 17.300l1.4 1.400M5.3 18.700l1.4-1.400M17.3 6.700l1.4-1.4",
  dark: "M19.5 14.500A8 8 0 0 1 9.5 4.500a8 8 0 1 0 10 10z",
} as const;

export type IconName = keyof typeof drawings;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 24 24" aria-hidden="true">
      <path d={drawings[name]} />
    </svg>
  );
}
