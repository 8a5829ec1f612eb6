/** The way back to the list that a view belongs to. */
export function Back({ to, label }: { readonly to: string; readonly label: string }) {
  return (
    <p class="back">
      <a href={to}>← {label}</a>
    </p>
  )
}
