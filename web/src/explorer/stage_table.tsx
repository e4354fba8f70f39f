// What each stage of the pipeline did for the list, and how long that took.
import type { StageTrace } from "../api/answers";
import { milliseconds } from "../format";

function Row({ stage, slowest }: { stage: StageTrace; slowest: number }) {
  const ran = stage.state === "ran";
  return (
    <tr data-ran={ran}>
      <th scope="row" title={stage.text}>
        {stage.stage}
      </th>
      <td className="number">{(stage.us / 1000).toFixed(2)}</td>
      <td>
        <span className="bar" aria-hidden="true">
          <i style={{ width: `${(stage.us / slowest) * 100}%` }} />
        </span>
      </td>
      <td className="number">{stage.candidates.toLocaleString("en")}</td>
      <td>{ran ? stage.note : stage.state}</td>
    </tr>
  );
}

export function StageTable({ trace }: { trace: StageTrace[] }) {
  const slowest = Math.max(...trace.map((stage) => stage.us), 1);
  const all = trace.reduce((sum, stage) => sum + stage.us, 0);
  return (
    <details className="stages">
      <summary>
        {trace.length} stages took <b>{milliseconds(all / 1000)}</b>
      </summary>
      <table>
        <thead>
          <tr>
            <th scope="col">Stage</th>
            <th scope="col" className="number">
              ms
            </th>
            <td />
            <th scope="col" className="number">
              Candidates
            </th>
            <th scope="col">What it says</th>
          </tr>
        </thead>
        <tbody>
          {trace.map((stage, at) => (
            <Row key={at} stage={stage} slowest={slowest} />
          ))}
        </tbody>
      </table>
    </details>
  );
}
