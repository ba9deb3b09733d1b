/** Times as people read them, on this machine's clock. */

const two = (value: number): string => String(value).padStart(2, "0");

/** `10:00:00.000` */
export function clockText(time: Date): string {
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(":");
  return `${clock}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

/** `2026-11-22` */
export function dateText(time: Date): string {
  return `${time.getFullYear()}-${two(time.getMonth() + 1)}-${two(time.getDate())}`;
}
