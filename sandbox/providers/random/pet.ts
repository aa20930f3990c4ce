import { randomInt } from "node:crypto";

const adverbs =
  "ably barely boldly briefly brightly calmly clearly closely coolly deeply duly early easily evenly fairly firmly fondly " +
  "freely fully gently gladly greatly happily highly honestly kindly largely lightly likely loosely loudly lively mainly " +
  "merrily mildly mostly neatly newly nicely oddly openly partly plainly politely promptly purely quickly quietly rarely " +
  "readily richly rightly safely sharply simply slowly smoothly softly solidly steadily surely swiftly tenderly truly " +
  "usefully vastly warmly widely wisely";
const adjectives =
  "able active amber amused apt awake blessed bold brave bright brisk calm capable careful casual certain cheerful chief " +
  "clean clever close coral cosmic crisp curious daring dear decent deep driven eager early earnest easy epic equal " +
  "exact fair famous fancy fast fine firm fit fluent fond fresh full gentle giving glad golden grand great handy happy " +
  "helpful honest humble ideal jolly keen kind large lasting light living logical loved loyal lucky magical merry mighty " +
  "modern modest mutual native neat noble normal novel open patient playful polite precise prime proper proud pure quick " +
  "quiet rapid ready real regular rested rich right robust sacred safe settled sharp shining simple sincere smart smooth " +
  "social solid sound splendid square stable star steady still strong sunny super sure sweet swift tender thorough tidy " +
  "tops true trusty upright useful valid vast verified vital warm welcome whole willing wise witty";
const animals =
  "adder albatross alpaca anchovy ant antelope ape badger barnacle bat bear beagle bee beetle bison boar bobcat " +
  "buck bull bunny camel cardinal caribou cat chamois cheetah chicken chipmunk cicada clam cobra cod condor coral corgi " +
  "cougar cow coyote crab crane cricket crow cub deer dingo dodo dog dolphin donkey dove dragon duck eagle eel " +
  "egret elephant elf elk emu falcon fawn feline ferret finch firefly fish flounder fly foal fowl fox frog gannet gazelle " +
  "gecko gelding gibbon glider gnat gobbler goose gopher goshawk grizzly grouse grub guinea gull guppy hamster hare hawk " +
  "hen heron herring hippo hog hornet horse hound husky hyena ibex iguana imp impala jackal jackass jaguar jay " +
  "jennet joey katydid kid kingfish kit kite kitten kiwi koala koi krill ladybird lamb lark lemming lemur leopard liger " +
  "lion lioness lizard llama lobster locust loon lynx macaque macaw mackerel magpie mako malamute mallard mammal mammoth " +
  "man manatee mantis marlin marmot marten martin mastiff meerkat midge mink minnow mite mole mollusk mongoose " +
  "monkey moose moth mouse mudfish mule mullet muskox muskrat mustang newt octopus opossum orca oriole osprey ostrich " +
  "otter owl ox oyster panda pangolin panther parakeet parrot peacock pelican penguin perch pheasant pig pigeon piglet " +
  "pika pipefish piranha platypus pony poodle porpoise possum prawn puma pup python quail quagga rabbit raccoon ram raptor " +
  "rat ray redbird redfish reindeer reptile rhino robin rooster sailfish salmon sawfish seagull seal shad shark sheep " +
  "shepherd shrew shrimp skink skunk skylark slug snail snake snapper snipe sole spaniel sparrow spider sponge squid " +
  "squirrel stag stallion starfish starling stingray stork sturgeon sunbeam sunbird sunfish swan swift tadpole tahr " +
  "tapir tarpon teal termite terrapin terrier thrush tick tiger titmouse toad tortoise toucan treefrog trout tuna " +
  "turkey turtle urchin viper vulture wahoo wallaby walleye walrus warthog wasp weasel weevil whale " +
  "whippet wildcat wolf wombat woodcock worm wren yak zebra";

/** Words of a pet's name: an animal, before it an adjective, before that adverbs. */
export function petWords(count: number): string[] {
  const one = (words: string) => {
    const list = words.split(" ");
    return list[randomInt(list.length)]!;
  };
  return Array.from({ length: count }, (_, index) => {
    const fromEnd = count - 1 - index;
    return one(fromEnd === 0 ? animals : fromEnd === 1 ? adjectives : adverbs);
  });
}
