export interface SliderProps {
  readonly label: string;
  readonly value: number;
  /** It goes from minus this to this. */
  readonly reach: number;
  readonly onValue: (value: number) => void;
}

/** A number by a slider and by hand. */
export function Slider({ label, value, reach, onValue }: SliderProps) {
  const digits = -Math.floor(Math.log10(reach / 50));
  const step = 10 ** -digits;
  return (
    <span class="slider">
      <input
        type="range"
        aria-label={label}
        min={-reach}
        max={reach}
        step={step}
        value={value}
        onInput={({ currentTarget: { valueAsNumber } }) => onValue(valueAsNumber)}
      />
      <input
        type="number"
        aria-label={`${label}, as a number`}
        step={step}
        value={Number(value.toFixed(Math.max(0, digits + 1)))}
        onChange={({ currentTarget: { valueAsNumber } }) => {
          if (Number.isFinite(valueAsNumber)) onValue(valueAsNumber);
        }}
      />
    </span>
  );
}
