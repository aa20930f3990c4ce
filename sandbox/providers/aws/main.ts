import { serve } from "../serve";
import { provider } from "./provider";

serve(provider, process.argv.slice(2));
