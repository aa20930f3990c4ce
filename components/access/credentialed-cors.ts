/** A page of one host that asks another host with the visitor's cookies. */
export interface CredentialedCors {
  /** Host of the page. */
  readonly page: string;
  /** Host that is asked. */
  readonly api: string;
  /** What is asked there. @default "/" */
  readonly path?: string | undefined;
}
